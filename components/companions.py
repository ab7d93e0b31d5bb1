"""What stands beside the brokers of a stack, each where the configuration has it."""

from typing import Any

import pulumi

from components.access import KafkaAccess
from components.consoles import Consoles, ConsolesArgs
from components.kafka_cluster import KafkaCluster
from components.ksqldb import KsqlDb, KsqlDbArgs
from config.literals import KSQLDB_USER
from config.platform import PlatformSpec
from manifests.ksqldb import KsqlDbCluster


def create_companions(
    platform: PlatformSpec,
    cluster: KafkaCluster,
    access: KafkaAccess,
    master_secret: pulumi.Output[str],
    opts: pulumi.ResourceOptions,
) -> dict[str, dict[str, Any]]:
    """Create ksqlDB and the consoles, and return the stack outputs of those that are there."""
    outputs: dict[str, dict[str, Any]] = {}
    namespace = platform.kubernetes.namespace
    if platform.ksqldb is not None:
        ksqldb = KsqlDb(
            "ksqldb",
            KsqlDbArgs(
                cluster=KsqlDbCluster(spec=platform.ksqldb, kafka=platform.kafka, namespace=namespace),
                ca_pem=cluster.ca_pem,
                # A certificate is public; the mapping it comes from isn't.
                kafka_certificate_pem=pulumi.Output.unsecret(
                    access.clients.apply(lambda clients: clients[KSQLDB_USER]["certificate_pem"])
                ),
                master_secret=master_secret,
                protect=platform.protect,
                after=[cluster, access],
            ),
            opts,
        )
        outputs["ksqldb"] = {"url": ksqldb.url, "ca_pem": ksqldb.ca_pem, "passwords": ksqldb.passwords}
    if platform.consoles is not None:
        consoles = Consoles(
            "consoles",
            ConsolesArgs(
                spec=platform.consoles,
                kafka=platform.kafka,
                namespace=namespace,
                ca_pem=cluster.ca_pem,
                master_secret=master_secret,
                protect=platform.protect,
                after=[cluster, access],
            ),
            opts,
        )
        outputs["consoles"] = {"logins": consoles.logins, "ca_pem": consoles.ca_pem}
    return outputs
