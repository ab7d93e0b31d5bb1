"""All rules that look across fields, in the order of the files they live in."""

from typing import Final

from config import capacity, companions, limits, names, network, schema_registry_rules, settings, topology
from config.parts import Rule

RULES: Final[tuple[Rule, ...]] = (
    names.topic_names,
    names.service_ids,
    names.pool_names,
    names.namespace,
    names.object_names,
    names.placement,
    names.known_topics,
    topology.zones,
    topology.node_ids,
    topology.roles,
    topology.quorum,
    topology.replication,
    topology.partitions,
    topology.cluster_id,
    network.ports,
    network.hosts,
    network.load_balancers,
    capacity.retention_fits,
    capacity.topic_sizes,
    capacity.segments,
    capacity.volumes,
    limits.quotas,
    limits.memory,
    limits.jvm,
    limits.processor,
    limits.lifetimes,
    limits.image,
    settings.broker_settings,
    settings.topic_settings,
    settings.allowed_losses,
    schema_registry_rules.schema_registry,
    schema_registry_rules.external,
    schema_registry_rules.names,
    companions.ksqldb,
    companions.kafka_ui,
    companions.cmak,
)
