"""A stack of files: resources that each are one file, on the real engine with a file backend; no cluster is needed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.literals import PROJECT
from lab.process import identify
from ops.workspace import Workspace
from tests.e2e.harness import wait_for

ROOT = Path(__file__).parents[2]

PROGRAM = '''
import json, os, pathlib, time
import pulumi
from pulumi.dynamic import CreateResult, ReadResult, Resource, ResourceProvider, UpdateResult

class Provider(ResourceProvider):
    """A file by name: made again, it is the same file."""

    def create(self, props):
        return CreateResult(props["name"], self._write(props))

    def update(self, id, olds, news):
        return UpdateResult(self._write(news))

    def _write(self, props):
        folder = pathlib.Path(props["folder"])
        with (folder / "log").open("a") as log:
            log.write(f"{props['name']} begins\\n")
        (folder / "begun" / props["name"]).touch()
        while (folder / "hold" / props["name"]).exists():
            time.sleep(0.02)
        time.sleep(props["seconds"])
        (folder / "things" / props["name"]).write_text(props["content"])
        return props

    def delete(self, id, props):
        folder = pathlib.Path(props["folder"])
        (folder / "things" / id).unlink(missing_ok=True)
        if (folder / "crash").exists():
            left = int((folder / "crash").read_text()) - 1
            (folder / "crash").write_text(str(left)) if left else (folder / "crash").unlink()
            os._exit(1)

    def read(self, id, props):
        file = pathlib.Path(props["folder"]) / "things" / id
        if not file.exists():
            return ReadResult("", {})
        found = {**props, "content": file.read_text()}
        return ReadResult(id, found, found)

class Thing(Resource):
    def __init__(self, name, given, opts=None):
        props = {"name": name, "folder": str(pathlib.Path.cwd()), **given}
        super().__init__(Provider(), name, props, opts)

given = json.loads(pathlib.Path("things.json").read_text())
secret = pulumi.Config().require_secret("master_secret")
made = {}
for name, thing in given.items():
    after = [made[other] for other in thing.pop("after", [])]
    protect = thing.pop("protect", False)
    options = pulumi.ResourceOptions(depends_on=after, protect=protect)
    made[name] = Thing(name, {"seconds": 0, "password": secret, **thing}, options)
pulumi.export("bootstrap_servers", "127.0.0.1:1")
pulumi.export("ca_pem", "none")
pulumi.export("clients", {"admin": {"username": "admin", "password": secret, "mechanism": "SCRAM-SHA-512"}})
'''

DRIVER = """
import pathlib, sys
import ops.up
from ops import __main__ as command_line

command_line.ROOT = pathlib.Path(sys.argv.pop(1))
# There is no Kafka behind the address.
ops.up.smoke = lambda *_arguments, **_options: None
sys.exit(command_line.main(sys.argv[1:]))
"""


@dataclass(frozen=True)
class Run:
    """A command that runs on a stack of files."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    def ended(self) -> bool:
        return self.process.poll() is not None

    def wait(self) -> subprocess.CompletedProcess[str]:
        """Wait for its end and return what it said."""
        code = self.process.wait(300)
        return subprocess.CompletedProcess(self.process.args, code, self.out.read_text(), self.err.read_text())

    def wait_said(self, text: str) -> None:
        """Wait until it has said something on standard error."""
        wait_for(f"«{text}»", lambda: text in self.err.read_text() or self.ended())
        assert text in self.err.read_text()

    def kill(self, *, whole: bool) -> list[int]:
        """Kill it, with its engine and plugins as a machine does that stops, or alone; return who was below it."""
        below = list(descendants(self.process.pid))
        # The parents first, so that none sees a child end and acts on it.
        for pid in [self.process.pid, *(below if whole else [])]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        wait_for("the end of the engine", lambda: not any(name_of(pid) == "pulumi" for pid in below))
        return below


@dataclass
class FileStack:
    """A checkout of its own whose program makes the files that ``things.json`` lists."""

    root: Path
    environment: dict[str, str]
    started: list[Run] = field(default_factory=list)

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.root)

    @classmethod
    def make(cls, root: Path, environment: Mapping[str, str]) -> "FileStack":
        """Make the checkout; ``environment`` names a cluster."""
        for folder in ("things", "hold", "begun"):
            (root / folder).mkdir(parents=True)
        (root / "log").touch()
        (root / "Pulumi.yaml").write_text(
            f"name: {PROJECT}\nruntime: {{name: python, options: {{toolchain: pip, virtualenv: {sys.prefix}}}}}\n"
        )
        (root / "__main__.py").write_text(PROGRAM)
        (root / "Pulumi.dev.yaml").write_text(Workspace(ROOT).config_text())
        Workspace(root).remove_keys()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
        return cls(root, {**kept, **environment})

    def begun(self) -> int:
        """How many files were begun so far."""
        return len((self.root / "log").read_text().splitlines())

    def hold(self, name: str) -> None:
        """Let the making of a file not end."""
        (self.root / "hold" / name).touch()

    def release(self, name: str) -> None:
        (self.root / "hold" / name).unlink()

    def crash(self, times: int) -> None:
        """Let the plugin end by itself when it has deleted a file, as often as said."""
        (self.root / "crash").write_text(str(times))

    def want(self, things: Mapping[str, Mapping[str, Any]]) -> None:
        (self.root / "things.json").write_text(json.dumps(things))

    def files(self) -> dict[str, str]:
        return {file.name: file.read_text() for file in sorted((self.root / "things").iterdir())}

    def state(self) -> dict[str, Any]:
        """What the state holds, by name: the engine's own file, secrets encrypted."""
        file = self.workspace.backend / ".pulumi" / "stacks" / PROJECT / "dev.json"
        latest = json.loads(file.read_text())["checkpoint"]["latest"]
        assert isinstance(latest, dict)
        return latest

    def names(self) -> list[str]:
        """Names of the files that the state knows, each as often as it is in it."""
        resources = self.state().get("resources") or []
        found = [entry["urn"].rsplit("::", 1)[-1] for entry in resources if "dynamic" in entry["type"]]
        return sorted(name for name in found if not name.startswith("default"))

    def start(self, *arguments: str) -> Run:
        """Begin ``python -m ops …`` on this checkout, in a session of its own."""
        out, err = (self.root / f"run-{len(self.started)}.{name}" for name in ("out", "err"))
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-c", DRIVER, str(self.root), *arguments],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        self.started.append(Run(process, out, err))
        return self.started[-1]

    def wait_begun(self, name: str, run: Run) -> None:
        """Wait until a command has begun to make a file."""
        wait_for(f"the beginning of {name}", lambda: (self.root / "begun" / name).exists() or run.ended(), 300)
        assert not run.ended(), run.wait()

    def ops(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ``python -m ops …`` on this checkout to its end."""
        return self.start(*arguments).wait()


def descendants(pid: int) -> Iterator[int]:
    """Every process below one, the nearest first."""
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in map(int, children):
            yield child
            yield from descendants(child)


def name_of(pid: int) -> str:
    """The name of a process's program, empty when it has ended."""
    if identify(pid) is None:
        return ""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
