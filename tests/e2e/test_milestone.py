"""A milestone on the real engine: what is before and after it is made, kept and deleted in that order. Needs no lab."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.progress import EngineProgress
from ops.stack import Engine
from ops.workspace import Workspace
from toolchain.engine import engine_environment

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[2]
PROGRAM = """
import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider
from resources.milestone import Milestone

class Provider(ResourceProvider):
    def create(self, props):
        return CreateResult("id", props)

class Thing(Resource):
    def __init__(self, name, opts):
        super().__init__(Provider(), name, {}, opts)

class Part(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("kafka-platform:index:Part", name)
        for letter in "ab":
            Thing(f"{name}-{letter}", pulumi.ResourceOptions(parent=self))
        self.register_outputs({})

pulumi.Config().require_secret("master_secret")
settled = Milestone("settled", after=[Part("part")], opts=pulumi.ResourceOptions())
Thing("after", pulumi.ResourceOptions(depends_on=[settled]))
"""


def test_a_milestone_keeps_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "Pulumi.yaml").write_text(
        f"name: kafka-platform\nruntime: {{name: python, options: {{toolchain: pip, virtualenv: {sys.prefix}}}}}\n"
    )
    (tmp_path / "__main__.py").write_text(PROGRAM)
    workspace = Workspace(tmp_path)
    workspace.make_passphrase({})
    workspace.backend.mkdir(parents=True)
    engine = Engine.of(workspace, engine_environment())
    engine.prepare()

    def order(act: Callable[[Callable[..., None]], None], kind: str) -> list[str]:
        progress = EngineProgress()
        act(lambda event: progress.handle(event, 0.0))
        ended = [step.urn.rpartition("::")[2] for step in progress.ended if step.op.value == kind]
        return [name for name in ended if name in ("part-a", "part-b", "settled", "after")]

    made = order(engine.up, "create")
    assert (sorted(made[:2]), made[2:]) == (["part-a", "part-b"], ["settled", "after"])
    (settled,) = (each for each in engine.deployment()["resources"] if each["urn"].endswith("::settled"))
    assert {urn.rpartition("::")[2] for urn in settled["dependencies"]} == {"part-a", "part-b"}
    assert len(order(engine.up, "same")) == 4
    gone = order(engine.destroy, "delete")
    assert (gone[:2], sorted(gone[2:])) == (["after", "settled"], ["part-a", "part-b"])
