"""The topics of ``topics.json``, on the cluster of ``access.json``: what ``ops bench topics`` gives the engine."""

import json
from pathlib import Path

import pulumi
import pulumi_kafka as kafka

from components.sdk import trim_sdk

trim_sdk()

access = json.loads(Path("access.json").read_text())
provider = kafka.Provider(
    "kafka",
    bootstrap_servers=access["bootstrap_servers"],
    ca_cert=access["ca_cert"],
    kafka_version=access["kafka_version"],
    sasl_mechanism=access["sasl_mechanism"],
    sasl_username=access["sasl_username"],
    sasl_password=pulumi.Output.secret(access["sasl_password"]),
    skip_tls_verify=False,
    timeout=access["timeout"],
    tls_enabled=True,
)
for topic in json.loads(Path("topics.json").read_text()):
    kafka.Topic(
        topic["name"],
        name=topic["name"],
        partitions=topic["partitions"],
        replication_factor=topic["replication_factor"],
        config=topic["config"],
        opts=pulumi.ResourceOptions(provider=provider),
    )
