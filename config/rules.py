"""All rules that look across fields, in the order of the files they live in."""

from typing import Final

from config import capacity, limits, names, settings, topology
from config.parts import Rule

RULES: Final[tuple[Rule, ...]] = (
    names.topic_names,
    names.service_ids,
    names.pool_names,
    names.namespace,
    names.known_topics,
    topology.zones,
    topology.node_ids,
    topology.roles,
    topology.quorum,
    topology.replication,
    topology.partitions,
    topology.cluster_id,
    topology.external_hosts,
    capacity.retention_fits,
    capacity.topic_sizes,
    capacity.volumes,
    limits.ports,
    limits.quotas,
    limits.memory,
    limits.lifetimes,
    limits.image,
    settings.broker_settings,
    settings.topic_settings,
    settings.allowed_losses,
)
