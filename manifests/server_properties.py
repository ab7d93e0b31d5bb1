"""``server.properties`` of each node, complete and without a secret."""

import re
from math import ceil

from config.kafka import KafkaClusterSpec
from config.literals import ADMIN_USER, BOOTSTRAP_SERVICE, NODE_PRINCIPAL, PORTS, ExternalAccess, Listener
from manifests import paths
from manifests.nodes import Node, Topology
from manifests.unsafe import UnsafeManifest

_SASL = (Listener.INTERNAL, Listener.EXTERNAL)
_CLIENT_TLS = (Listener.MTLS, Listener.EXTERNALMTLS)
_CN_IS_PRINCIPAL = "RULE:^CN=([a-z0-9-]+),.*$/$1/"
"""DEFAULT would make the whole distinguished name the principal. What doesn't match isn't let in."""


def listeners(node: Node, spec: KafkaClusterSpec) -> tuple[Listener, ...]:
    """Return the listeners a node opens, by its roles and the kind of external access."""
    found: list[Listener] = []
    if node.is_broker:
        found += [Listener.REPLICATION, Listener.INTERNAL, Listener.MTLS]
        if spec.external.type is not ExternalAccess.NONE:
            found += [Listener.EXTERNAL, Listener.EXTERNALMTLS]
    if node.is_controller:
        found.append(Listener.CONTROLLER)
    return tuple(found)


def advertised(node: Node, topology: Topology) -> dict[Listener, str]:
    """Return listener to host:port as told to clients; the controller listener isn't advertised by brokers."""
    hosts = topology.spec.external.hosts
    found: dict[Listener, str] = {}
    for listener in listeners(node, topology.spec):
        if listener is Listener.CONTROLLER:
            continue
        if listener in (Listener.EXTERNAL, Listener.EXTERNALMTLS):
            port = topology.external_port(node, mtls=listener is Listener.EXTERNALMTLS)
            found[listener] = f"{hosts[node.zone]}:{port}"
        else:
            found[listener] = f"{node.host}:{PORTS[listener]}"
    return found


def server_properties(node: Node, topology: Topology) -> dict[str, str]:
    """Return all settings of one node by their Kafka names.

    Raises UnsafeManifest when ``broker_config`` would change what identity, encryption, authorisation or durability
    rest on, or would put a secret into a file that is none.
    """
    spec = topology.spec
    fixed: dict[str, object] = {
        "node.id": node.id,
        "process.roles": ",".join(sorted(node.pool.roles)),
        # Static voters: every disk can be formatted alone and alike; a quorum of dynamic ones (KIP-853) needs a first.
        "controller.quorum.voters": topology.voters,
        "controller.listener.names": Listener.CONTROLLER,
        "log.dirs": paths.LOG_DIR,
        **_listener_settings(node, topology),
        **_security(node, spec),
        **_durability(spec),
    }
    for name, value in spec.broker_config.items():
        if name in fixed or name.startswith(("listener.name.", "ssl.", "sasl.")):
            raise UnsafeManifest(f"broker_config must not set {name} ({value}): every node's safety rests on it")
        if any(word in name for word in ("password", "secret", "jaas")):
            raise UnsafeManifest(f"broker_config must not set {name}: server.properties holds no secret")
    settings = {**fixed, **_cluster(), **(_broker(node) if node.is_broker else {}), **spec.broker_config}
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in settings.items()}


def _listener_settings(node: Node, topology: Topology) -> dict[str, object]:
    opened = listeners(node, topology.spec)
    protocol = {listener: "SASL_SSL" if listener in _SASL else "SSL" for listener in Listener}
    settings: dict[str, object] = {
        "listeners": ",".join(f"{listener}://:{PORTS[listener]}" for listener in opened),
        # Every node knows all protocols: a broker without the controller role still talks to that listener.
        "listener.security.protocol.map": ",".join(
            f"{listener}:{protocol[listener]}" for listener in dict.fromkeys([*opened, Listener.CONTROLLER])
        ),
    }
    if node.is_broker:
        settings["inter.broker.listener.name"] = Listener.REPLICATION
        settings["advertised.listeners"] = ",".join(
            f"{listener}://{address}" for listener, address in advertised(node, topology).items()
        )
    return settings


def _security(node: Node, spec: KafkaClusterSpec) -> dict[str, object]:
    settings: dict[str, object] = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": paths.KEYSTORE,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": paths.CLUSTER_CA,
        "ssl.enabled.protocols": "TLSv1.3,TLSv1.2",
        "ssl.endpoint.identification.algorithm": "https",
        "ssl.client.auth": "none",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": False,
        "super.users": f"User:{ADMIN_USER};User:{NODE_PRINCIPAL}",
        "ssl.principal.mapping.rules": _CN_IS_PRINCIPAL,
    }
    for listener in dict.fromkeys([*listeners(node, spec), Listener.CONTROLLER]):
        prefix = f"listener.name.{listener.lower()}"
        if listener in _SASL:
            settings[f"{prefix}.sasl.enabled.mechanisms"] = spec.scram_mechanism
            settings[f"{prefix}.{spec.scram_mechanism.lower()}.sasl.jaas.config"] = (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            )
        else:
            settings[f"{prefix}.ssl.client.auth"] = "required"
        if listener in _CLIENT_TLS:
            settings[f"{prefix}.ssl.truststore.type"] = "PEM"
            settings[f"{prefix}.ssl.truststore.location"] = paths.CLIENTS_CA
            # No certificate of the clients CA makes a super user, whatever its CN says.
            settings[f"{prefix}.ssl.principal.mapping.rules"] = (
                f"RULE:^CN=({ADMIN_USER}|{NODE_PRINCIPAL}),.*$/clients-ca-$1/,{_CN_IS_PRINCIPAL}"
            )
    if node.is_broker:
        settings["sasl.enabled.mechanisms"] = spec.scram_mechanism
        # Connections outlive no credential for longer (KIP-368).
        settings["connections.max.reauth.ms"] = 3_600_000
    return settings


def _cluster() -> dict[str, object]:
    """Return what the active controller decides by, so that controllers and brokers must have the same."""
    return {
        # Idle metadata records tell followers how fresh they are, see the readiness agent; 1 s halves their cost.
        "metadata.max.idle.interval.ms": 1000,
        # A node that replays its whole metadata log at its start forgets every SCRAM user when one of them was deleted
        # (Kafka 4.1.1, ScramDelta.apply: a deleted user that comes first empties the map, and it is dropped). From a
        # snapshot on, the administrator stands in the map before any change, and nothing is dropped.
        "metadata.log.max.snapshot.interval.ms": 60000,
        # A dead broker is fenced after 6 s; three heartbeats must be lost for it.
        "broker.heartbeat.interval.ms": 1500,
        "broker.session.timeout.ms": 6000,
        "leader.imbalance.check.interval.seconds": 30,
    }


def _durability(spec: KafkaClusterSpec) -> dict[str, object]:
    """Return what acknowledged records rest on; controllers create topics and elect leaders by it."""
    return {
        "default.replication.factor": spec.replication_factor,
        "min.insync.replicas": spec.min_insync_replicas,
        "offsets.topic.replication.factor": spec.replication_factor,
        "transaction.state.log.replication.factor": spec.replication_factor,
        "transaction.state.log.min.isr": spec.min_insync_replicas,
        "share.coordinator.state.topic.replication.factor": spec.replication_factor,
        "share.coordinator.state.topic.min.isr": spec.min_insync_replicas,
        "unclean.leader.election.enable": False,
        "auto.create.topics.enable": False,
    }


def _cores(cpu: str) -> int:
    """Return a Kubernetes CPU quantity in whole cores, rounded up."""
    return -(-int(cpu[:-1]) // 1000) if cpu.endswith("m") else ceil(float(cpu))


def _broker(node: Node) -> dict[str, object]:
    cores = _cores(node.pool.resources.cpu)
    return {
        "broker.rack": node.zone,
        # Consumers that name their rack read from it (KIP-392): cross-zone traffic is what a cloud bills.
        "replica.selector.class": "org.apache.kafka.common.replica.RackAwareReplicaSelector",
        "controlled.shutdown.enable": True,
        # At two cores these are Kafka's defaults. Each listener has network threads of its own.
        "num.network.threads": cores + 1,
        "num.io.threads": 4 * cores,
        "num.replica.fetchers": -(-cores // 2),
        # Room for 10 Gb/s at a millisecond between zones.
        "socket.send.buffer.bytes": 1_048_576,
        "socket.receive.buffer.bytes": 1_048_576,
        "socket.request.max.bytes": 104_857_600,
        "num.recovery.threads.per.data.dir": 2,
        "log.cleaner.dedupe.buffer.size": 33_554_432,
        "offsets.topic.num.partitions": 12,
        "transaction.state.log.num.partitions": 12,
        "share.coordinator.state.topic.num.partitions": 12,
        "group.initial.rebalance.delay.ms": 500,
    }


def bootstrap_servers(namespace: str, listener: Listener) -> str:
    """Return the in-cluster bootstrap address of a client listener."""
    return f"{BOOTSTRAP_SERVICE}.{namespace}.svc.cluster.local:{PORTS[listener]}"


def render(settings: dict[str, str]) -> str:
    """Render a properties file, sorted by key.

    Raises UnsafeManifest for what Java would read otherwise than it is written (java.util.Properties): backslashes,
    line breaks, blanks at the ends, anything but ASCII.
    """
    for key, value in settings.items():
        if re.search(r"[^!-~]|[\\=:#!]", key) or not value.isascii() or not value.isprintable() or "\\" in value:
            raise UnsafeManifest(f"{key}={value!r} must be printable ASCII on one line, without a backslash")
        if value != value.strip():
            raise UnsafeManifest(f"{key}={value!r} must not begin or end with a blank")
    return "".join(f"{key}={value}\n" for key, value in sorted(settings.items()))
