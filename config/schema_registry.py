"""The schema registry: which program, how many, and how clients outside Kubernetes reach it."""

from config.base import Spec
from config.image import ImageSpec
from config.kafka import JvmSpec, ResourcesSpec
from config.literals import ExternalAccess, RegistryImplementation
from config.service import QuotaSpec
from contracts.subject import CompatibilityLevel
from versions import NGINX


class RegistryExternalSpec(Spec):
    """How clients outside Kubernetes reach the registry. Pulumi is one: it registers the schemas."""

    type: ExternalAccess
    """node-port or load-balancer."""
    hosts: tuple[str, ...] = ()
    """Names or addresses, each tried in turn. Empty with node-port: those of ``kafka.external.hosts``."""
    port: int = 32081


class RegistryProxySpec(Spec):
    """nginx beside each registry process: TLS, passwords, permissions."""

    image: ImageSpec = ImageSpec(name=f"nginx:{NGINX}")
    resources: ResourcesSpec = ResourcesSpec(cpu="50m", memory=64 * 2**20)


class SchemaRegistrySpec(Spec):
    """A schema registry with Confluent's API. Absent: there is none."""

    implementation: RegistryImplementation
    """confluent: Confluent Schema Registry; apicurio: Apicurio Registry 3 behind the same API."""
    image: ImageSpec
    """Image of the program: for confluent the paths are those of cp-schema-registry 8, for apicurio of Apicurio 3."""
    proxy: RegistryProxySpec = RegistryProxySpec()
    replicas: int = 2
    """Processes, spread over the zones. Each can serve everything."""
    resources: ResourcesSpec = ResourcesSpec(cpu="250m", memory=2**30)
    jvm: JvmSpec = JvmSpec(heap=512 * 2**20)
    level: CompatibilityLevel = CompatibilityLevel.BACKWARD
    """Compatibility of every subject that has no level of its own."""
    external: RegistryExternalSpec
    quota: QuotaSpec = QuotaSpec(producer_bytes_per_second=5 * 2**20, consumer_bytes_per_second=20 * 2**20)
    """Of all replicas together: they are one Kafka user."""
    credential_generation: int = 1
    """Raise it to get a new password towards Kafka."""
