"""The platform of one stack: read its configuration, compose the components, export what clients need."""

import pulumi

from components.access import KafkaAccess, KafkaAccessArgs
from components.companions import StackSecrets, create_companions
from components.foundation import create_foundation
from components.kafka_cluster import KafkaCluster, KafkaClusterArgs
from components.sdk import trim_sdk
from config.literals import ADMIN_USER
from config.load import load_platform, read_connect_secrets
from manifests.connect_topics import internal_topics
from manifests.credential import derive_password, owner_id
from manifests.schema_registry_access import internal_url, storage_topics
from manifests.users import platform_users

trim_sdk()
platform, master_secret = load_platform()
foundation = create_foundation(platform)
opts = pulumi.ResourceOptions(providers=foundation.providers)

cluster = KafkaCluster(
    platform.kafka.name,
    KafkaClusterArgs(
        spec=foundation.kafka,
        namespace=platform.kubernetes.namespace,
        admin_password=master_secret.apply(lambda secret: derive_password(secret, ADMIN_USER, 1)),
        owner=pulumi.Output.unsecret(master_secret.apply(lambda secret: owner_id(secret, pulumi.get_stack()))),
        protect=platform.protect,
        machines=foundation.machines,
        storage=foundation.storage,
        balancing=foundation.balancing,
    ),
    opts,
)

access = KafkaAccess(
    f"{platform.kafka.name}-access",
    KafkaAccessArgs(
        topics=[*platform.topics, *storage_topics(platform.schema_registry), *internal_topics(platform.connect)],
        services=platform.services,
        users=platform_users(platform),
        defaults=platform.kafka,
        allow_data_loss=platform.allow_data_loss,
        namespace=cluster.namespace,
        bootstrap_servers=cluster.bootstrap_servers,
        broker_endpoints=cluster.broker_endpoints,
        ready=cluster.ready,
        internal_bootstrap_servers=cluster.internal_bootstrap_servers,
        internal_mtls_bootstrap_servers=cluster.internal_mtls_bootstrap_servers,
        ca_pem=cluster.ca_pem,
        clients_ca_pem=cluster.clients_ca_pem,
        clients_ca_private_key_pem=cluster.clients_ca_private_key_pem,
        master_secret=master_secret,
        registry_url=internal_url(platform.kubernetes.namespace) if platform.schema_registry else None,
        protect=platform.protect,
        cluster=cluster,
    ),
    opts,
)

secrets = StackSecrets(master=master_secret, connect=read_connect_secrets(platform.connect))
companions = create_companions(platform, cluster, access, secrets, foundation)

pulumi.export("namespace", cluster.namespace)
pulumi.export("zones", list(platform.kubernetes.zones))
pulumi.export("bootstrap_servers", cluster.bootstrap_servers)
pulumi.export("mtls_bootstrap_servers", cluster.mtls_bootstrap_servers)
pulumi.export("internal_bootstrap_servers", cluster.internal_bootstrap_servers)
pulumi.export("ca_pem", cluster.ca_pem)
pulumi.export("clients", access.clients)
if foundation.kubeconfig is not None:
    pulumi.export("kubeconfig", foundation.kubeconfig)
for name, outputs in companions.items():
    pulumi.export(name, outputs)
