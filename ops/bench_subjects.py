"""``ops bench subjects``: many schemas registered by ``pulumi up``, beside the same requests sent by hand with curl."""

import json
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from config.literals import ADMIN_USER
from contracts.subject import CompatibilityLevel
from ops.bench_runs import Run, comparison, timed, update
from ops.failure import Failure
from ops.outputs import Outputs
from ops.progress import Reporter
from ops.workspace import Workspace, write_private
from resources.registry_client import RegistryClient, RegistryError

PREFIX: Final = "bench-subjects-"
SIDES: Final = ("pulumi", "curl")
FIELDS: Final = 12
"""Fields of each schema, as many as those of the platform's own have on average."""
PARALLEL: Final = 64

_PROGRAM: Final = Path(__file__).parents[1] / "assets" / "bench_subjects"
_TYPE: Final = "Content-Type: application/vnd.schemaregistry.v1+json"


def subjects(count: int, marker: str) -> dict[str, str]:
    """Return the subjects both sides make, each with a schema that no other has."""
    return {
        f"{PREFIX}{marker}-{number:04d}-value": json.dumps(
            {
                "type": "record",
                "name": f"Event{number:04d}",
                "namespace": f"bench.run{marker}",
                "fields": [{"name": f"field_{field}", "type": "string"} for field in range(FIELDS)],
            }
        )
        for number in range(count)
    }


def run(
    workspace: Workspace, outputs: Outputs, reporter: Reporter, *, count: int = 100, runs: int = 3
) -> dict[str, Any]:
    """Compare; both sides take turns at the same registry, each run with new subjects, which are deleted after it.

    Raises Failure when the stack has no registry, or it doesn't take a schema.
    """
    if not outputs.registry_urls:
        raise Failure(f"stack {workspace.stack} has no schema registry", "add schema_registry to its configuration")
    if shutil.which("curl") is None:
        raise Failure("curl is not there, which the registration is compared with", "install it")
    client = RegistryClient(
        urls=outputs.registry_urls,
        ca_pem=outputs.ca_pem,
        username=ADMIN_USER,
        password=outputs.registry_passwords[ADMIN_USER],
    )
    seen: dict[str, list[Run]] = {side: [] for side in SIDES}
    with workspace.locked("bench subjects"):
        _remove(client)
        for number in range(runs):
            # Each goes first in turn: what one leaves behind in the registry meets the other.
            for side in SIDES if number % 2 == 0 else SIDES[::-1]:
                title = f"{count} subjects, {side}, run {number + 1} of {runs}"
                wanted = subjects(count, uuid.uuid4().hex[:6])
                try:
                    with _folder(side, client, wanted) as folder:
                        if side == "pulumi":
                            act = update(folder, "bench-subjects", PARALLEL, reporter, title)
                        else:
                            act = _curl(folder, client, wanted, reporter, title)
                        seen[side].append(timed(act))
                    _check(client, wanted)
                finally:
                    _remove(client)
                reporter.say(f"{title}: {seen[side][-1].seconds:.1f} s")
    compared = comparison(seen)
    rates = {side: round(count / compared[side]["seconds"], 1) for side in SIDES}
    return {"subjects": count, "fields": FIELDS, "runs": runs, **compared, "subjects_per_second": rates}


@contextmanager
def _folder(side: str, client: RegistryClient, wanted: Mapping[str, str]) -> Iterator[Path]:
    """Make the files of one run; nothing of them is left."""
    with tempfile.TemporaryDirectory(prefix="kafka-platform-") as name:
        folder = Path(name)
        if side == "pulumi":
            shutil.copy(_PROGRAM / "__main__.py", folder)
            access = {
                "urls": list(client.urls),
                "ca_pem": client.ca_pem,
                "username": client.username,
                "password": client.password,
            }
            write_private(folder / "access.json", json.dumps(access))
            write_private(folder / "subjects.json", json.dumps(wanted))
        else:
            write_private(folder / "ca.pem", client.ca_pem)
            # Not an argument: those are everybody's to read.
            write_private(folder / "curlrc", f'user = "{client.username}:{client.password}"\n')
        yield folder


def _curl(
    folder: Path, client: RegistryClient, wanted: Mapping[str, str], reporter: Reporter, title: str
) -> Callable[[], None]:
    """Return what a script does: one curl for each subject's level, and one for its schema, one after the other."""
    base = client.urls[0].rstrip("/")
    common = ["curl", "-sS", "--fail-with-body", "-K", "curlrc", "--cacert", "ca.pem", "-H", _TYPE, "-o", os.devnull]
    level = json.dumps({"compatibility": CompatibilityLevel.BACKWARD.value})

    def act() -> None:
        with reporter.live(title):
            for name, schema in wanted.items():
                body = json.dumps({"schemaType": "AVRO", "schema": schema})
                for method, path, data in (
                    ("PUT", f"config/{name}", level),
                    ("POST", f"subjects/{name}/versions", body),
                ):
                    command = [*common, "-X", method, "--data-binary", "@-", f"{base}/{path}"]
                    done = subprocess.run(command, cwd=folder, input=data, capture_output=True, text=True)
                    if done.returncode:
                        raise Failure(f"curl {method} {path}: {done.stderr.strip()}", "see `make status`")

    return act


def _there(client: RegistryClient) -> set[str]:
    try:
        return {name for name in client.get("listing the subjects", "subjects") if name.startswith(PREFIX)}
    except RegistryError as error:
        raise Failure(str(error), "see `make status`") from None


def _check(client: RegistryClient, wanted: Mapping[str, str]) -> None:
    missing = set(wanted) - _there(client)
    if missing:
        raise Failure(f"{len(missing)} of {len(wanted)} subjects were not registered", "see `make status`")


def _remove(client: RegistryClient) -> None:
    """Delete the subjects of this run, or of one that was killed, for good."""
    for name in _there(client):
        try:
            client.ask(f"deleting {name}", "DELETE", ["subjects", name])
            client.ask(f"deleting {name}", "DELETE", ["subjects", name], {"permanent": "true"})
        except RegistryError as error:
            raise Failure(str(error), "see `make status`") from None


def show(document: dict[str, Any], console: Console) -> None:
    """Print the results for people."""
    table = Table(
        f"{document['subjects']} subjects of {document['fields']} fields",
        "seconds",
        "subjects/s",
        "processor time",
        box=None,
    )
    for side in SIDES:
        one = document[side]
        seconds = "{} s ({} to {})".format(one["seconds"], *one["seconds_range"])
        table.add_row(side, seconds, f"{document['subjects_per_second'][side]}", f"{one['cpu_seconds']} s")
    console.print(table)
    console.print(
        f"ratio {document['ratio']:.2f}; medians of {document['runs']} runs, in brackets the least and the most",
        soft_wrap=True,
    )
