"""``up`` and ``down`` with the real engine on a cluster that is only an address: what they leave and refuse."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from ops.down import down
from ops.failure import Failure
from ops.phases import Phases
from ops.preview import preview
from ops.progress import Reporter
from ops.up import preflight, start, update
from ops.workspace import Workspace

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[2]
PROGRAM = """
import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

class Provider(ResourceProvider):
    def create(self, props):
        return CreateResult("id", props)

class Thing(Resource):
    def __init__(self, name, size, opts=None):
        secret = pulumi.Config().require_secret("master_secret")
        super().__init__(Provider(), name, {"size": size, "secret": secret}, opts)

Thing("thing", 1, pulumi.ResourceOptions(protect=PROTECT))
"""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An address that accepts connections, with a kubeconfig that names it."""
    for name in [name for name in os.environ if name.startswith("PULUMI_")]:
        monkeypatch.delenv(name)
    kubeconfig = tmp_path / "kubeconfig"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        kubeconfig.write_text(
            f"clusters: [{{name: c, cluster: {{server: 'https://{address}'}}}}]\n"
            "contexts: [{name: named, context: {cluster: c}}]\n"
        )
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        monkeypatch.setenv("KUBE_CONTEXT", "named")
        yield address


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    root = tmp_path / "checkout"
    root.mkdir()
    (root / "Pulumi.yaml").write_text(
        f"name: kafka-platform\nruntime: {{name: python, options: {{toolchain: pip, virtualenv: {sys.prefix}}}}}\n"
    )
    (root / "__main__.py").write_text(PROGRAM.replace("PROTECT", "False"))
    committed = Workspace(ROOT).config_text().replace('pulumi:disable-default-providers: ["*"]', "other:key: 1")
    (root / "Pulumi.dev.yaml").write_text(committed)
    Workspace(root).remove_keys()
    return Workspace(root)


def quiet() -> Reporter:
    with Path(os.devnull).open("w") as nowhere:
        return Reporter(Console(file=nowhere, force_terminal=False, quiet=True))


def bring_up(workspace: Workspace) -> dict[str, int]:
    reporter = quiet()
    target = preflight(workspace)
    with workspace.locked("up"):
        engine = start(workspace, target, reporter, Phases(reporter))
        return update(engine, reporter, Phases(reporter))


@pytest.mark.usefixtures("cluster")
def test_up_twice_and_down(workspace: Workspace) -> None:
    committed = workspace.config_text()
    assert bring_up(workspace) == {"create": 2}
    assert bring_up(workspace) == {"same": 2}
    (workspace.root / "__main__.py").write_text(PROGRAM.replace("PROTECT", "False").replace('"thing", 1', '"thing", 2'))
    document = preview(workspace, quiet())
    assert [(change["name"], change["op"]) for change in document["changes"]] == [("thing", "update")]
    assert [(diff["path"], diff["old"], diff["new"]) for diff in document["changes"][0]["diff"]] == [("size", 1, 2)]
    assert down(workspace, quiet())["changes"] == {"delete": 2}
    assert workspace.config_text() == committed
    assert not workspace.state.exists()


@pytest.mark.usefixtures("cluster")
def test_down_refuses_what_is_protected_in_the_engine_s_words(workspace: Workspace) -> None:
    (workspace.root / "__main__.py").write_text(PROGRAM.replace("PROTECT", "True"))
    bring_up(workspace)
    with pytest.raises(Failure, match=r"thing.*cannot be deleted\s+because it is protected"):
        down(workspace, quiet())
    assert workspace.passphrase_file.exists()


def test_another_cluster_is_refused(workspace: Workspace, cluster: str, tmp_path: Path) -> None:
    bring_up(workspace)
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(kubeconfig.read_text().replace(cluster, address))
        with pytest.raises(
            Failure, match=rf"^the stack's resources are on cluster {cluster}, not on cluster {address}"
        ):
            bring_up(workspace)


@pytest.mark.usefixtures("cluster")
def test_up_leaves_an_environment_that_finds_the_stack(workspace: Workspace, tmp_path: Path) -> None:
    bring_up(workspace)
    adopted: dict[str, str] = {}
    workspace.adopt_environment(adopted)
    assert adopted["KUBE_CONTEXT"] == "named"
    assert adopted["KUBECONFIG"] == str(tmp_path / "kubeconfig")
    text = workspace.environment_file.read_text()
    assert f"export PULUMI_BACKEND_URL='file://{workspace.backend}?metadata=skip'\n" in text
    assert "PULUMI_CONFIG_PASSPHRASE=" not in text


def test_an_unreachable_cluster_is_told_before_anything_is_touched(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    kubeconfig = tmp_path / "gone"
    kubeconfig.write_text(
        f"clusters: [{{name: c, cluster: {{server: 'https://127.0.0.1:{port}'}}}}]\n"
        "contexts: [{name: gone, context: {cluster: c}}]\n"
    )
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv("KUBE_CONTEXT", "gone")
    with pytest.raises(Exception, match=rf"context 'gone' at 127\.0\.0\.1:{port} does not answer"):
        bring_up(workspace)
    assert not workspace.state.exists()
