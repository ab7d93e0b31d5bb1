"""What stands beside the brokers of a stack, each where the configuration has it."""

from dataclasses import dataclass
from typing import Any

import pulumi

from components.access import KafkaAccess, goes_with_volumes
from components.backup_bucket import BackupBucket, BackupBucketArgs
from components.connect_cluster import ConnectCluster, ConnectClusterArgs
from components.consoles import Consoles, ConsolesArgs
from components.foundation import Foundation
from components.kafka_cluster import KafkaCluster
from components.ksqldb import KsqlDb, KsqlDbArgs
from components.schema_registry import SchemaRegistry, SchemaRegistryArgs
from components.schema_subjects import SchemaSubjects, SchemaSubjectsArgs
from config.literals import KAFKA_UI_USER, KSQLDB_USER
from config.platform import PlatformSpec
from manifests.acl import service_user
from manifests.ksqldb import KsqlDbCluster
from manifests.schema_registry_access import internal_url
from manifests.users import platform_users


@dataclass(frozen=True, kw_only=True)
class StackSecrets:
    """What a stack's configuration holds encrypted."""

    master: pulumi.Output[str]
    """All passwords are derived from it."""
    connect: pulumi.Output[dict[str, str]]
    """Secrets of connectors, by name."""


def create_companions(
    platform: PlatformSpec,
    cluster: KafkaCluster,
    access: KafkaAccess,
    secrets: StackSecrets,
    foundation: Foundation,
) -> dict[str, dict[str, Any]]:
    """Create what stands beside the brokers, and return the stack outputs of those that are there."""
    outputs: dict[str, dict[str, Any]] = {}
    opts = pulumi.ResourceOptions(providers=foundation.providers)
    deleted_with = cluster if goes_with_volumes(platform.kafka, protect=platform.protect) else None
    # What reads or writes records with schemas comes after them.
    after: list[pulumi.Resource] = [cluster, access.settled, *foundation.companion_machines]
    namespace = platform.kubernetes.namespace
    registry_url = None if platform.schema_registry is None else internal_url(namespace)
    registry_passwords: pulumi.Output[dict[str, str]] | None = None
    if platform.schema_registry is not None:
        registry = SchemaRegistry(
            "schema-registry",
            SchemaRegistryArgs(
                spec=platform.schema_registry,
                kafka=platform.kafka,
                namespace=namespace,
                users=[*map(service_user, platform.services), *platform_users(platform)],
                bootstrap_servers=cluster.internal_bootstrap_servers,
                ca_pem=cluster.ca_pem,
                ca_private_key_pem=cluster.ca_private_key_pem,
                master_secret=secrets.master,
                after=list(after),
                machines=foundation.companion_placement,
                balancing=foundation.balancing,
            ),
            opts,
        )
        subjects = SchemaSubjects(
            "schemas",
            SchemaSubjectsArgs(
                urls=registry.urls,
                ca_pem=cluster.ca_pem,
                passwords=registry.passwords,
                protect=platform.protect,
                deleted_with=deleted_with,
            ),
            opts,
        )
        after.append(subjects)
        registry_passwords = registry.passwords
        outputs["schema_registry"] = {"urls": registry.urls, "passwords": registry.passwords}
    if platform.connect is not None:
        connect = ConnectCluster(
            platform.connect.name,
            ConnectClusterArgs(
                spec=platform.connect,
                kafka=platform.kafka,
                partitions={topic.name: topic.partitions for topic in platform.topics},
                namespace=namespace,
                ca_pem=cluster.ca_pem,
                ca_private_key_pem=cluster.ca_private_key_pem,
                master_secret=secrets.master,
                secrets=secrets.connect,
                after=after,
                machines=foundation.companion_placement,
                balancing=foundation.balancing,
                deleted_with=deleted_with,
            ),
            opts,
        )
        outputs["connect"] = {"endpoints": connect.endpoints, "credentials": connect.credentials}
    if platform.ksqldb is not None:
        ksqldb = KsqlDb(
            "ksqldb",
            KsqlDbArgs(
                cluster=KsqlDbCluster(
                    spec=platform.ksqldb,
                    kafka=platform.kafka,
                    namespace=namespace,
                    schema_registry_url=registry_url,
                ),
                ca_pem=cluster.ca_pem,
                # A certificate is public; the mapping it comes from isn't.
                kafka_certificate_pem=pulumi.Output.unsecret(
                    access.clients.apply(lambda clients: clients[KSQLDB_USER]["certificate_pem"])
                ),
                registry_password=_password(registry_passwords, KSQLDB_USER),
                master_secret=secrets.master,
                protect=platform.protect,
                after=after,
                machines=foundation.companion_placement,
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
                schema_registry_url=registry_url,
                registry_password=_password(registry_passwords, KAFKA_UI_USER),
                master_secret=secrets.master,
                protect=platform.protect,
                after=after,
                machines=foundation.companion_placement,
            ),
            opts,
        )
        outputs["consoles"] = {"logins": consoles.logins, "ca_pem": consoles.ca_pem}
    if platform.backup is not None:
        backup = BackupBucket(
            "backup",
            BackupBucketArgs(
                spec=platform.backup,
                namespace=namespace,
                stack=platform.stack,
                oidc_provider_arn=foundation.oidc_provider_arn,
                protect=platform.protect,
            ),
            opts,
        )
        outputs["backup"] = {"location": backup.location, "role_arn": backup.role_arn, "key_arn": backup.key_arn}
    return outputs


def _password(passwords: pulumi.Output[dict[str, str]] | None, user: str) -> pulumi.Output[str] | None:
    """Return a user's password at the registry, None where there is no registry, or the user doesn't log in there."""
    return None if passwords is None else passwords.apply(lambda all_of_them: all_of_them.get(user, ""))
