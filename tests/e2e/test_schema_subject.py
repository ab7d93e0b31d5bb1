"""Life of a subject: the real engine with a file backend, and a real registry on the loopback."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from resources.registry_client import RegistryClient, RegistryError
from tests.schema_registry import Registry, apicurio_registry
from toolchain.engine import engine_environment

pytestmark = pytest.mark.engine

ROOT = Path(__file__).parents[2]
PASSWORDS = {"admin": "the-administrators-password-0123456789"}
ENVELOPE = "com.example.Envelope"
VALUE = "orders-value"

PROGRAM = """
import json
import pulumi
from contracts.subject import CompatibilityLevel, Reference, Subject
from resources.registry_gate import RegistryGate
from resources.schema_subject import SchemaSubject

config = pulumi.Config("test")
wanted = config.require_object("wanted")

def subject(name, one):
    references = tuple(Reference(name=r, subject=r, version=v) for r, v in one.get("references", {}).items())
    return Subject(name=name, schema=json.dumps(one["schema"], indent=2), references=references,
                   level=CompatibilityLevel(one.get("level", "BACKWARD")))

connection = dict(ca_pem=wanted["ca_pem"], username="admin", password=config.require_secret("password"))
gate = RegistryGate("gate", urls=wanted["urls"], level=CompatibilityLevel(wanted["level"]), rollout="1", **connection)
before = None
for name, one in wanted["subjects"].items():
    released = {key: [subject(key, version) for version in versions] for key, versions in wanted["released"].items()}
    options = pulumi.ResourceOptions(depends_on=[before] if before else [], import_=wanted.get("import_", {}).get(name))
    before = SchemaSubject(one.get("resource", name), subject=subject(name, one), released=released, urls=gate.urls,
                           retain=one.get("retain", False), opts=options, **connection)
    pulumi.export(name, before.version)
"""


def record(name: str, **fields: Any) -> dict[str, Any]:
    """A record whose fields are types, or types with a default."""
    made = [
        {"name": key, "type": kind[0], "default": kind[1]} if isinstance(kind, tuple) else {"name": key, "type": kind}
        for key, kind in fields.items()
    ]
    namespace, _, short = name.rpartition(".")
    return {"type": "record", "name": short, "namespace": namespace, "fields": made}


ENVELOPE_1 = {"schema": record(ENVELOPE, id="string"), "level": "FULL_TRANSITIVE"}
VALUE_1 = {"schema": record("com.example.Order", envelope=ENVELOPE, total="int"), "references": {ENVELOPE: 1}}
VALUE_2 = {
    "schema": record("com.example.Order", envelope=ENVELOPE, total="int", note=("string", "")),
    "references": {ENVELOPE: 1},
}
BREAKING = {
    "schema": record("com.example.Order", envelope=ENVELOPE, total="int", customer="string"),
    "references": {ENVELOPE: 1},
}


@dataclass
class Stack:
    """A stack of one program; ``wanted`` is what it should bring about."""

    folder: Path
    environment: Mapping[str, str]
    wanted: dict[str, Any]

    def run(self, *arguments: str, check: bool = True) -> str:
        (self.folder / "Pulumi.test.yaml").write_text(
            f"{self.kept}config:\n  test:wanted: {json.dumps(self.wanted)}\n"
            f"  test:password: {{secure: {self.secret}}}\n"
        )
        done = subprocess.run(
            ["pulumi", *arguments, "--stack", "test", "--non-interactive"],
            cwd=self.folder,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    kept: str = ""
    secret: str = ""

    def prepare(self) -> None:
        def quiet(*arguments: str) -> None:
            subprocess.run(
                ["pulumi", *arguments, "--stack", "test", "--non-interactive"],
                cwd=self.folder, env=dict(self.environment), check=True, capture_output=True, text=True,
            )  # fmt: skip

        quiet("stack", "init")
        quiet("config", "set", "--secret", "test:password", PASSWORDS["admin"])
        written = (self.folder / "Pulumi.test.yaml").read_text()
        self.kept = "".join(line + "\n" for line in written.splitlines() if line.startswith("encryptionsalt"))
        self.secret = next(line.split("secure:")[1].strip() for line in written.splitlines() if "secure:" in line)

    def up(self, *, check: bool = True) -> dict[str, int]:
        """What ``up`` did, by operation; with ``check`` off, an empty mapping for a failure."""
        self.run("up", "--yes", "--skip-preview", check=check)
        history = json.loads(self.run("stack", "history", "--json", "--page-size", "1"))
        return {key: value for key, value in history[0]["resourceChanges"].items() if key != "same"}

    def steps(self) -> dict[str, dict[str, Any]]:
        document = json.loads(self.run("preview", "--json"))
        steps = {step["urn"].split("::")[-1]: step for step in document["steps"]}
        return {name: step for name, step in steps.items() if step["op"] != "same"}

    def state(self, name: str) -> dict[str, Any] | None:
        exported = json.loads(self.run("stack", "export"))["deployment"].get("resources", [])
        found = [entry for entry in exported if entry["urn"].endswith(f"::{name}")]
        return dict(found[0]) if found else None


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with apicurio_registry(tmp_path_factory.mktemp("registry"), [], PASSWORDS) as running:
        yield running


def client(registry: Registry) -> RegistryClient:
    return RegistryClient(
        urls=[registry.url], ca_pem=registry.ca_pem, username="admin", password=PASSWORDS["admin"], timeout=5
    )


def versions(registry: Registry, name: str) -> Sequence[int]:
    try:
        return list(client(registry).get("listing", "subjects", name, "versions"))
    except RegistryError as error:
        assert error.status == 404
        return []


@contextmanager
def stack_of(folder: Path, registry: Registry) -> Iterator[Stack]:
    folder.mkdir(exist_ok=True)
    (folder / "Pulumi.yaml").write_text(
        f"name: subjects\nruntime: {{name: python, options: {{toolchain: pip, virtualenv: {sys.prefix}}}}}\n"
    )
    (folder / "__main__.py").write_text(PROGRAM)
    (folder / "backend").mkdir()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
    environment |= {
        **engine_environment(),
        "PULUMI_BACKEND_URL": f"file://{folder}/backend",
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_CONFIG_PASSPHRASE": "a passphrase",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PYTHONPATH": str(ROOT),
    }
    wanted = {
        "urls": [registry.url],
        "ca_pem": registry.ca_pem,
        "level": "BACKWARD",
        "subjects": {ENVELOPE: ENVELOPE_1, VALUE: VALUE_1},
        "released": {ENVELOPE: [ENVELOPE_1]},
    }
    stack = Stack(folder, environment, wanted)
    stack.prepare()
    try:
        yield stack
    finally:
        stack.run("destroy", "--yes", "--skip-preview", check=False)
        for name in client(registry).get("listing", "subjects", deleted="true"):
            for query in ({}, {"permanent": "true"}):
                try:
                    client(registry).ask("cleaning up", "DELETE", ["subjects", name], query)
                except RegistryError as error:
                    assert error.status in (404, 422)


@pytest.fixture
def stack(tmp_path: Path, registry: Registry) -> Iterator[Stack]:
    with stack_of(tmp_path / "stack", registry) as made:
        yield made


def test_from_nothing_to_nothing(stack: Stack, registry: Registry) -> None:
    assert stack.up()["create"] == 4
    assert versions(registry, VALUE) == [1]
    assert client(registry).get("reading", "config")["compatibilityLevel"] == "BACKWARD"
    assert client(registry).get("reading", "config", ENVELOPE)["compatibilityLevel"] == "FULL_TRANSITIVE"
    assert stack.up() == {}
    stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    assert stack.steps() == {}

    stack.wanted["subjects"][VALUE] = VALUE_2
    steps = stack.steps()
    assert {name: step["op"] for name, step in steps.items() if name in (VALUE, ENVELOPE)} == {VALUE: "update"}
    assert stack.up()["update"] == 1
    assert versions(registry, VALUE) == [1, 2]
    state = stack.state(VALUE)
    assert state is not None
    assert (state["id"], state["outputs"]["version"]) == (VALUE, 2)
    stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")

    stack.wanted["subjects"][ENVELOPE] = {**ENVELOPE_1, "retain": True}
    stack.up()
    stack.run("destroy", "--yes", "--skip-preview")
    assert versions(registry, VALUE) == []
    assert VALUE in client(registry).get("listing", "subjects", deleted="true"), "records still find their schema"
    assert versions(registry, ENVELOPE) == [1], "what was deleted softly still refers to it"


def test_the_password_is_in_plain_nowhere(stack: Stack) -> None:
    text = stack.run("up", "--yes", "--diff") + stack.run("stack", "export") + stack.run("preview", "--diff", "--json")
    assert PASSWORDS["admin"] not in text
    files = [file for file in stack.folder.rglob("*") if file.is_file()]
    assert [file for file in files if PASSWORDS["admin"].encode() in file.read_bytes()] == []


def test_layout_is_no_change(stack: Stack) -> None:
    stack.up()
    program = stack.folder / "__main__.py"
    program.write_text(PROGRAM.replace("indent=2", "indent=4"))
    assert stack.steps() == {}


def test_a_breaking_change_is_refused_in_the_preview_without_a_registry(stack: Stack) -> None:
    stack.up()
    stack.wanted["subjects"][VALUE] = BREAKING
    # Nobody answers there: what is refused is refused from the state alone.
    stack.wanted["urls"] = ["https://localhost:9"]
    said = stack.run("preview", check=False)
    assert (
        "orders-value: at level BACKWARD, the new schema can't read what version 1 wrote: com.example.Order.customer "
        "(string) has no default, and the writer's com.example.Order has no such field" in said
    )
    assert "Traceback" not in said


def test_released_versions_come_first(stack: Stack, registry: Registry) -> None:
    stack.wanted["released"][VALUE] = [VALUE_1, VALUE_2]
    stack.wanted["subjects"][VALUE] = {
        "schema": record("com.example.Order", envelope=ENVELOPE, total="int", note=("string", ""), tax=("int", 0)),
        "references": {ENVELOPE: 1},
    }
    stack.up()
    assert versions(registry, VALUE) == [1, 2, 3]
    assert stack.up() == {}


def test_the_servers_words_are_told(stack: Stack, registry: Registry) -> None:
    """Somebody registered a version that the program doesn't know of: only the registry can refuse."""
    stack.up()
    other = {"schema": json.dumps(record("com.example.Order", envelope=ENVELOPE, total="long"))}
    references = [{"name": ENVELOPE, "subject": ENVELOPE, "version": 1}]
    client(registry).ask("meddling", "POST", ["subjects", VALUE, "versions"], body={**other, "references": references})
    stack.wanted["subjects"][VALUE] = VALUE_2
    said = stack.run("up", "--yes", "--skip-preview", check=False)
    assert "registering orders-value: io.apicurio.registry.rules.RuleViolationException: Incompatible artifact" in said
    assert "(HTTP 409)" in said


def test_drift_is_found_by_a_refresh_and_mended(stack: Stack, registry: Registry) -> None:
    stack.up()
    client(registry).ask("meddling", "PUT", ["config", VALUE], body={"compatibility": "FORWARD"})
    client(registry).ask("meddling", "PUT", ["config"], body={"compatibility": "FULL"})
    stack.run("refresh", "--yes", "--skip-preview")
    assert {name: step["op"] for name, step in stack.steps().items() if name in (VALUE, "gate")} == {
        VALUE: "update",
        "gate": "update",
    }
    stack.up()
    assert client(registry).get("reading", "config", VALUE)["compatibilityLevel"] == "BACKWARD"
    assert client(registry).get("reading", "config")["compatibilityLevel"] == "BACKWARD"

    client(registry).ask("meddling", "DELETE", ["subjects", VALUE])
    stack.run("refresh", "--yes", "--skip-preview")
    assert stack.state(VALUE) is None
    assert stack.up()["create"] == 1
    assert versions(registry, VALUE) == [2], "a version is never given twice"


def test_what_a_refresh_found_is_what_the_next_change_is_held_against(stack: Stack, registry: Registry) -> None:
    """The last version was deleted in the registry: the one before it is the schema again, as the message advises."""
    first = stack.wanted["subjects"][VALUE]
    stack.wanted["released"][VALUE] = [first]
    stack.up()
    fields = [*first["schema"]["fields"], {"name": "later", "type": "string", "default": ""}]
    stack.wanted["subjects"][VALUE] = {**first, "schema": {**first["schema"], "fields": fields}}
    stack.up()
    assert versions(registry, VALUE) == [1, 2]
    stack.wanted["subjects"][VALUE] = first
    assert "delete version 2 in the registry, then run pulumi refresh" in stack.run("preview", check=False)
    client(registry).ask("taking it back", "DELETE", ["subjects", VALUE, "versions", "2"])
    stack.run("refresh", "--yes", "--skip-preview")
    assert "create" not in stack.up()
    assert versions(registry, VALUE) == [1]
    assert PASSWORDS["admin"] not in stack.run("stack", "export")


def test_an_existing_subject_is_taken_over(stack: Stack, registry: Registry) -> None:
    stack.up()
    state = stack.state(VALUE)
    assert state is not None
    stack.run("state", "delete", state["urn"], "--yes", "--force")
    assert stack.up()["create"] == 1
    assert versions(registry, VALUE) == [1]


def test_a_retained_subject_stays(stack: Stack, registry: Registry) -> None:
    stack.wanted["subjects"][VALUE] = {**VALUE_1, "retain": True}
    stack.up()
    del stack.wanted["subjects"][VALUE]
    assert stack.up()["delete"] == 1
    assert versions(registry, VALUE) == [1]


def test_a_subject_that_is_referred_to_can_not_go(stack: Stack, registry: Registry) -> None:
    stack.wanted["subjects"][VALUE] = {**VALUE_1, "retain": True}
    stack.up()
    said = stack.run("destroy", "--yes", "--skip-preview", check=False)
    assert f"deleting {ENVELOPE}: There are subjects referencing {ENVELOPE} (HTTP 422)" in said
    assert versions(registry, ENVELOPE) == [1]


def test_another_subject_is_another_resource(stack: Stack, registry: Registry) -> None:
    stack.wanted["subjects"] = {ENVELOPE: ENVELOPE_1, "orders-value": {**VALUE_1, "resource": "orders"}}
    stack.up()
    stack.wanted["subjects"] = {ENVELOPE: ENVELOPE_1, "invoices-value": {**VALUE_1, "resource": "orders"}}
    assert stack.steps()["orders"]["op"] in ("replace", "create-replacement", "delete-replaced")
    stack.up()
    assert (versions(registry, "orders-value"), versions(registry, "invoices-value")) == ([], [1])


def test_a_wrong_password_is_told(stack: Stack) -> None:
    stack.up()
    program = stack.folder / "__main__.py"
    program.write_text(PROGRAM.replace('config.require_secret("password")', '"wrong"'))
    said = stack.run("up", "--yes", "--skip-preview", check=False)
    assert "log in with a service and its password (HTTP 401)" in said
