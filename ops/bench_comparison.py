"""``ops bench --compare``: bare brokers in plaintext, bare ones with TLS, and the platform's, under the same load."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from lab.images.kafka import libraries
from ops.bare_brokers import NODES, bare_brokers
from ops.bench import Cluster, platform
from ops.outputs import Outputs
from ops.progress import Reporter
from ops.spec import platform_of
from ops.workspace import Workspace


def heap_of(workspace: Workspace) -> int:
    """Return the heap of the stack's brokers in bytes, the largest if they differ."""
    return max(pool.jvm.heap for pool in platform_of(workspace).kafka.pools)


@contextmanager
def compared(workspace: Workspace, outputs: Outputs, reporter: Reporter) -> Iterator[list[Cluster]]:
    """Start the bare clusters for a block; yields them and the platform's, what is compared with what before it.

    The three are up at the same time: idle ones cost little, and each run of one is followed by the same of the others.
    """
    heap = heap_of(workspace)
    found = []
    with ExitStack() as running:
        for secured in (False, True):
            name = f"bare, {'TLS' if secured else 'plaintext'}"
            with reporter.live(f"starting {NODES} brokers: {name}"):
                bare = running.enter_context(bare_brokers(libraries(), heap, secured=secured))
            found.append(
                Cluster(
                    name=name,
                    listener=bare.settings["security.protocol"],
                    settings=bare.settings,
                    marker=str(bare.folder),
                )
            )
        yield [*found, platform(outputs)]
