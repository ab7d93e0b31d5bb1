"""Properties of the readiness agent, see assets/readiness/README.md."""

from config.literals import PORTS, READINESS_PORT, Listener
from manifests import paths
from manifests.nodes import Node, Topology


def readiness_properties(node: Node, topology: Topology) -> dict[str, str]:
    """Return the agent's settings for one node."""
    settings = {
        "node.id": str(node.id),
        "process.roles": ",".join(sorted(node.pool.roles)),
        "controller.quorum.voters": topology.voters,
        "port": str(READINESS_PORT),
    }
    if node.is_broker:
        settings |= {
            "admin.bootstrap.servers": f"{node.host}:{PORTS[Listener.REPLICATION]}",
            "admin.security.protocol": "SSL",
            "admin.ssl.keystore.type": "PEM",
            "admin.ssl.keystore.location": paths.KEYSTORE,
            "admin.ssl.truststore.type": "PEM",
            "admin.ssl.truststore.location": paths.CLUSTER_CA,
        }
    return settings
