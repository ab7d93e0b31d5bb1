"""CMAK: its settings and its pod. It manages clusters it finds in ZooKeeper, so no Kafka user of ours is for it."""

import json
import re
from typing import Any, Final

from config.consoles import CmakSpec
from config.kafka import KafkaClusterSpec
from config.literals import CMAK_PORT, CMAK_SERVICE
from manifests.console import LOGIN_USER, Console, console_deployment, console_network_policy
from manifests.policy import DNS, tcp

SECRET: Final = "kafka-manager-secrets"  # noqa: S105
_SECRETS: Final = "/etc/kafka-manager"
_FEATURES: Final = ("KMClusterManagerFeature",)
"""Clusters may be added to its list. Topics and partitions are not changed from a page: those features stay off."""


def cmak(spec: CmakSpec, kafka: KafkaClusterSpec, namespace: str) -> Console:
    """Return CMAK as a console."""
    return Console(app=CMAK_SERVICE, port=CMAK_PORT, spec=spec, kafka=kafka, namespace=namespace, kafka_client=False)


def application_conf(spec: CmakSpec, *, password: str, session_secret: str, store_password: str) -> str:
    """Return its settings (HOCON, of which JSON is a part); they are secret."""
    settings = {
        "application.features": list(_FEATURES),
        "basicAuthentication.enabled": True,
        "basicAuthentication.username": LOGIN_USER,
        "basicAuthentication.password": password,
        "cmak.zkhosts": spec.zookeeper,
        "play.http.secret.key": session_secret,
        "play.crypto.secret": session_secret,
        "play.server.https.keyStore.path": f"{_SECRETS}/keystore.p12",
        "play.server.https.keyStore.type": "PKCS12",
        "play.server.https.keyStore.password": store_password,
    }
    return f'include classpath("application.conf")\n{json.dumps(settings, indent=2)}\n'


def cmak_command(spec: CmakSpec) -> list[str]:
    """Return its start: no plain port, no file for its process id; TLS to ZooKeeper unless plain text is asked for."""
    heap = spec.heap // 2**20
    zookeeper = {
        "zookeeper.client.secure": "true",
        "zookeeper.clientCnxnSocket": "org.apache.zookeeper.ClientCnxnSocketNetty",
        "zookeeper.ssl.trustStore.location": f"{_SECRETS}/zookeeper-ca.pem",
        "zookeeper.ssl.trustStore.type": "PEM",
    }
    return [
        "/cmak/bin/cmak",
        f"-J-Xms{heap}m",
        f"-J-Xmx{heap}m",
        f"-Dconfig.file={_SECRETS}/cmak.conf",
        "-Dpidfile.path=/dev/null",
        "-Dapplication.home=/tmp",
        "-Dhttp.port=disabled",
        f"-Dhttps.port={CMAK_PORT}",
        *([] if spec.unencrypted_zookeeper else [f"-D{name}={value}" for name, value in zookeeper.items()]),
    ]


def cmak_deployment(console: Console, spec: CmakSpec, checksum: Any) -> dict[str, Any]:
    """Return its Deployment; /api/health is the one page without a login."""
    secrets = (_SECRETS, {"secret": {"secretName": SECRET, "defaultMode": 0o440}})
    return console_deployment(console, cmak_command(spec), "/api/health", {"secrets": secrets}, checksum)


def cmak_network_policy(console: Console, spec: CmakSpec) -> dict[str, Any]:
    """Return its policy: out to its ZooKeeper and the brokers it finds there, wherever they are."""
    zookeeper = [int(port) for port in re.findall(r":(\d+)", spec.zookeeper)]
    ports = dict.fromkeys([*zookeeper, *spec.kafka_ports])
    return console_network_policy(console, [{"ports": tcp(*ports)}, DNS])
