"""Consoles beside a Kafka cluster."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components.certificates import Authority, Leaf, SubjectNames, authority, leaf
from components.node_pool import digest
from config.consoles import CmakSpec, ConsolesSpec, KafkaUiSpec
from config.kafka import KafkaClusterSpec
from config.literals import KAFKA_UI_SERVICE
from manifests import cmak as cmak_manifests
from manifests import kafka_ui as ui
from manifests.console import LOGIN_USER, Console, console_service
from manifests.credential import CONSOLE, KEY_STORE, derive_password
from manifests.placement import Placement, on_machines
from resources.key_store import KeyStore


@dataclass(frozen=True, kw_only=True)
class ConsolesArgs:
    """What ``Consoles`` is made of."""

    spec: ConsolesSpec
    kafka: KafkaClusterSpec
    namespace: str
    ca_pem: pulumi.Input[str]
    """CA of the brokers' certificates, and of the schema registry's."""
    master_secret: pulumi.Input[str]
    """Secret: all passwords are derived from it."""
    schema_registry_url: str | None = None
    """https://…; None: there is no schema registry."""
    registry_password: pulumi.Input[str] | None = None
    """Secret: Kafka UI's password at the schema registry."""
    protect: bool
    """Protect the authority from deletion."""
    after: Sequence[pulumi.Resource]
    """What must be there before: the namespace, the brokers, Kafka UI's user with its Secret."""
    machines: Placement | None = None
    """Where its pods go; None: to any machine."""


class Consoles(pulumi.ComponentResource):
    """Kafka UI, and CMAK where it is asked for. Type: kafka-platform:index:Consoles.

    Creates an authority of its own, as people's browsers are told to trust it, and for each console a certificate, a
    service, a policy, Secrets and a Deployment.
    """

    logins: pulumi.Output[dict[str, dict[str, str]]]
    """Secret: console to url, username and password."""
    ca_pem: pulumi.Output[str]
    """Certificate browsers trust."""

    def __init__(self, name: str, args: ConsolesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the consoles."""
        super().__init__("kafka-platform:index:Consoles", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self, depends_on=list(args.after))
        kept = pulumi.ResourceOptions(parent=self, protect=args.protect)
        self._authority = authority(f"{name}-ca", "Kafka consoles CA", args.kafka.tls, kept)
        consoles: list[Console] = []
        if args.spec.kafka_ui is not None:
            consoles.append(self._kafka_ui(args.spec.kafka_ui, self._authority))
        if args.spec.cmak is not None:
            consoles.append(self._cmak(args.spec.cmak, self._authority))
        self.logins = pulumi.Output.secret(args.master_secret).apply(
            lambda secret: {
                console.app: {
                    "url": console.url,
                    "username": LOGIN_USER,
                    "password": _login_password(secret, console.app, console.spec.credential_generation),
                }
                for console in consoles
            }
        )
        self.ca_pem = self._authority.certificate.cert_pem
        self.register_outputs({"logins": self.logins, "ca_pem": self.ca_pem})

    def _kafka_ui(self, spec: KafkaUiSpec, issuer: Authority) -> Console:
        args = self._args
        console = ui.kafka_ui(spec, args.kafka, args.namespace)
        certificate = self._around(
            console, issuer, ui.kafka_ui_network_policy(console, schema_registry=args.schema_registry_url is not None)
        )
        settings = {
            "application.yaml": ui.application_yaml(
                console, read_only=not spec.writes, schema_registry_url=args.schema_registry_url
            ),
            "options": ui.jvm_options(spec),
        }
        config_map = k8s.core.v1.ConfigMap(
            f"{self._name}-{ui.CONFIG_MAP}", metadata=console.metadata(ui.CONFIG_MAP), data=settings, opts=self._child
        )
        secrets = {ui.LOGIN_PASSWORD: self._derived(console, CONSOLE)}
        tls: dict[str, pulumi.Input[str]] = {
            "kafka-ca.pem": _encoded(args.ca_pem),
            "tls.crt": _encoded(certificate.certificate_pem),
            "tls.key": _encoded(certificate.private_key_pem),
        }
        if args.schema_registry_url is not None and args.registry_password is not None:
            stores = self._stores(console, certificate, {"kafka": args.ca_pem})
            tls["truststore.p12"] = stores.trust_store
            secrets[ui.STORE_PASSWORD] = self._derived(console, KEY_STORE)
            secrets[ui.REGISTRY_PASSWORD] = pulumi.Output.secret(args.registry_password)
        secret = self._secret(console, ui.SECRET, {name: _encoded(value) for name, value in secrets.items()})
        tls_secret = self._secret(console, f"{KAFKA_UI_SERVICE}-tls", tls)
        checksum = pulumi.Output.all(args.ca_pem, certificate.certificate_pem).apply(
            lambda parts: digest(settings, spec.credential_generation, *parts)
        )
        manifest = ui.kafka_ui_deployment(console, f"{KAFKA_UI_SERVICE}-tls", ui.SECRET, checksum)
        self._deployment(console, manifest, [config_map, secret, tls_secret])
        return console

    def _cmak(self, spec: CmakSpec, issuer: Authority) -> Console:
        console = cmak_manifests.cmak(spec, self._args.kafka, self._args.namespace)
        certificate = self._around(console, issuer, cmak_manifests.cmak_network_policy(console, spec))
        stores = self._stores(console, certificate, {})

        def settings(secret: str) -> str:
            generation = spec.credential_generation
            return cmak_manifests.application_conf(
                spec,
                password=_login_password(secret, console.app, generation),
                session_secret=derive_password(secret, f"{console.app} session", generation, CONSOLE),
                store_password=derive_password(secret, console.app, generation, KEY_STORE),
            )

        files: dict[str, pulumi.Input[str]] = {
            "cmak.conf": _encoded(pulumi.Output.secret(self._args.master_secret).apply(settings)),
            "keystore.p12": stores.key_store,
        }
        if spec.zookeeper_ca is not None:
            files["zookeeper-ca.pem"] = base64.b64encode(spec.zookeeper_ca.encode()).decode()
        secret = self._secret(console, cmak_manifests.SECRET, files)
        checksum = certificate.certificate_pem.apply(
            lambda pem: digest(spec.zookeeper, spec.zookeeper_ca, spec.credential_generation, pem)
        )
        self._deployment(console, cmak_manifests.cmak_deployment(console, spec, checksum), [secret])
        return console

    def _around(self, console: Console, issuer: Authority, policy: Mapping[str, object]) -> Leaf:
        k8s.core.v1.Service(f"{self._name}-{console.app}", **console_service(console), opts=self._child)
        k8s.networking.v1.NetworkPolicy(f"{self._name}-{console.app}", **policy, opts=self._child)
        return leaf(
            f"{self._name}-{console.app}",
            (console.app, "kafka-platform"),
            SubjectNames(dns=console.dns_names),
            ("server_auth",),
            self._args.kafka.tls,
            issuer,
            pulumi.ResourceOptions(parent=self),
        )

    def _stores(self, console: Console, certificate: Leaf, trusted: Mapping[str, pulumi.Input[str]]) -> KeyStore:
        return KeyStore(
            f"{self._name}-{console.app}-key-store",
            private_key_pem=certificate.private_key_pem,
            certificate_pem=certificate.certificate_pem,
            authorities={**trusted, "consoles": self._authority.certificate.cert_pem},
            issuer="consoles",
            password=self._derived(console, KEY_STORE),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _derived(self, console: Console, purpose: str) -> pulumi.Output[str]:
        generation = console.spec.credential_generation
        return pulumi.Output.secret(self._args.master_secret).apply(
            lambda secret: derive_password(secret, console.app, generation, purpose)
        )

    def _secret(self, console: Console, name: str, data: Mapping[str, pulumi.Input[str]]) -> k8s.core.v1.Secret:
        return k8s.core.v1.Secret(
            f"{self._name}-{name}",
            metadata=console.metadata(name),
            type="Opaque",
            data=data,
            opts=self._child,
        )

    def _deployment(self, console: Console, manifest: Mapping[str, object], needs: Sequence[pulumi.Resource]) -> None:
        k8s.apps.v1.Deployment(
            f"{self._name}-{console.app}",
            **on_machines(manifest, self._args.machines),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*self._args.after, *needs]),
        )


def _login_password(secret: str, app: str, generation: int) -> str:
    return derive_password(secret, app, generation, CONSOLE)


def _encoded(text: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return a Secret's value in base64; it is secret where the text is."""
    return pulumi.Output.from_input(text).apply(lambda plain: base64.b64encode(plain.encode()).decode())
