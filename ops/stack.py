"""The engine's side of one stack, through the Automation API."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pulumi.automation import LocalWorkspace, Stack
from pulumi.automation.errors import CommandError, ConcurrentUpdateError, StackNotFoundError

from config.literals import PROJECT
from ops.command import InterruptibleCommand, engine_process_environment
from ops.engine_text import resource_name
from ops.event_log import OnEvent, followed
from ops.failure import Failure
from ops.leftovers import MARK, end_leftovers
from ops.stack_config import MASTER_SECRET_KEY, find, insert
from ops.stale_lock import is_stale
from ops.state_folder import latest_of, resources_of
from ops.workspace import DEV, Workspace, write_private

PARALLEL: Final = 64
"""Resource operations at a time: most of ours wait for a cluster, not for this machine."""
_PREVIEWED: Final = 16
"""Resources at a time in a preview, most of which waits for nothing but this machine; four times as many registrations
are under way, and in memory."""
_GOGC: Final = "25"
"""Garbage, in percent of what is in use, that engine and plugins let gather in a preview: a quarter of Go's own, for a
third more of the engine's processor time."""

_LOCK: Final = re.compile(r"created by (\S+) \(pid (\d+)\) at (\S+)")
"""Who holds the lock of a backend of files or objects, as the engine says it."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Runs engine commands on one stack of one workspace."""

    workspace: Workspace
    command: InterruptibleCommand
    settings: Mapping[str, str]
    """Environment of the engine on top of the process's own."""
    config_file: Path | None = None
    """The stack's configuration, where it isn't the checkout's own."""

    @classmethod
    def of(
        cls, workspace: Workspace, programs: Mapping[str, str], environment: Mapping[str, str] = os.environ
    ) -> "Engine":
        """Build the engine from the toolchain's environment; raises Failure when there is no ``pulumi`` in it."""
        settings = {**programs, **workspace.engine_settings(environment)}
        settings["PULUMI_HOME"] = environment.get("PULUMI_HOME", programs.get("PULUMI_HOME", settings["PULUMI_HOME"]))
        found = shutil.which("pulumi", path=settings.get("PATH", environment.get("PATH")))
        if found is None:
            raise Failure("there is no pulumi program", "make it with `make up` or `python -m toolchain ensure pulumi`")
        return cls(workspace=workspace, command=InterruptibleCommand(Path(found), settings), settings=settings)

    def automation(self) -> LocalWorkspace:
        """Return the checkout as the Automation API sees it."""
        return LocalWorkspace(
            work_dir=str(self.workspace.root), env_vars=dict(self.settings), pulumi_command=self.command
        )

    def select(self) -> Stack | None:
        """Return the stack, None when the backend has none of its name."""
        try:
            return Stack.select(self.workspace.stack, self.automation())
        except StackNotFoundError:
            return None
        except CommandError as error:
            raise engine_failure(error) from None

    def prepare(self) -> None:
        """Make the stack with its run-time keys unless it is there; raises Failure when it can't be made.

        The engine writes salt and ciphertext to a project of its own outside the checkout, because it would reformat
        the whole configuration; from there they are put into Pulumi.<stack>.yaml, and nothing else of it changes.
        """
        workspace = self.workspace
        keys = workspace.runtime_keys()
        stack = self.select()
        if stack is not None and keys.salt and keys.master_secret:
            workspace.store_keys(keys)
            return
        if not keys.master_secret:
            if workspace.stack != DEV:
                raise Failure(
                    f"stack {workspace.stack} has no master secret",
                    f"set it once with `head -c 32 /dev/urandom | base64 | pulumi config set --secret "
                    f"{MASTER_SECRET_KEY} --stack {workspace.stack}`",
                )
            if stack is not None and self.resource_count() > 0:
                raise Failure(
                    f"stack {workspace.stack} has resources, but its master secret is neither in "
                    f"{workspace.config_file.name} nor in .state",
                    "put the file back as it was, or start anew with `make down` and `make up`",
                )
        with tempfile.TemporaryDirectory(prefix="kafka-platform-") as folder:
            scratch = replace_root(self, Path(folder))
            (scratch.workspace.root / "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\n")
            scratch.workspace.config_file.write_text(insert(workspace.config_text(), keys))
            if stack is None:
                scratch.run("stack", "init", workspace.stack)
            if not keys.master_secret:
                scratch.set_random_master_secret()
            made = find(scratch.workspace.config_text())
        workspace.store_keys(keys if keys.salt and keys.master_secret else made)

    def run(self, *arguments: str) -> str:
        """Run an engine command that changes little and return its output; raises Failure with the engine's words."""
        try:
            result = self.command.run(list(arguments), str(self.workspace.root), self.settings)
        except CommandError as error:
            raise engine_failure(error) from None
        return result.stdout

    def set_random_master_secret(self) -> None:
        """Generate and encrypt a master secret of 256 bits."""
        self.set_random_secret(MASTER_SECRET_KEY)

    def set_random_secret(self, key: str) -> None:
        """Generate and encrypt a secret of 256 bits."""
        self.set_secret(key, os.urandom(32).hex())

    def set_secret(self, key: str, value: str) -> None:
        """Encrypt a value of the stack's configuration; it passes through a pipe, never through an argument.

        ``key`` is a path as ``pulumi config set --path`` has it. Raises Failure with the engine's words.
        """
        done = subprocess.run(
            [
                *(self.command.command, "config", "set", "--secret", key, "--path"),
                *("--stack", self.workspace.stack, "--non-interactive"),
            ],
            input=value,
            cwd=self.workspace.root,
            env=engine_process_environment(os.environ, self.settings),
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise Failure(f"the engine could not store the secret {key}: {last_error(done.stderr)}")

    def export_state(self, *, show_secrets: bool = False) -> dict[str, Any]:
        """Return the stack's state as the engine exports it, its secrets encrypted unless they are asked for."""
        shown = ("--show-secrets",) if show_secrets else ()
        return dict(json.loads(self.run("stack", "export", "--stack", self.workspace.stack, *shown)))

    def import_state(self, exported: Mapping[str, Any]) -> None:
        """Replace the stack's state by an edited export, secrets encrypted; the engine checks that it is sound."""
        with tempfile.TemporaryDirectory(prefix="kafka-platform-") as folder:
            file = Path(folder) / "state.json"
            write_private(file, json.dumps(exported))
            self.run("stack", "import", "--stack", self.workspace.stack, "--file", str(file))

    def deployment(self) -> dict[str, Any]:
        """Return what of the state is about resources, its secrets encrypted."""
        return dict(self.export_state().get("deployment") or {})

    def refresh(self, urns: Sequence[str]) -> None:
        """Ask the providers about some resources of the state; those that are gone leave it."""
        targets = [argument for urn in urns for argument in ("--target", urn)]
        self.run("refresh", "--yes", "--skip-preview", "--stack", self.workspace.stack, *targets)

    def interrupted(self) -> bool:
        """Whether the state has operations that were begun and not ended, which only a killed engine leaves.

        A state on this machine is looked at where it is, because the engine takes a second to export it.
        """
        if self.settings["PULUMI_BACKEND_URL"].startswith(f"file://{self.workspace.backend}"):
            with contextlib.suppress(OSError, ValueError, KeyError):
                return bool(latest_of(self.workspace.state_file).get("pending_operations"))
        return bool(self.deployment().get("pending_operations"))

    def resource_count(self) -> int:
        """Return how many resources the state holds, the stack itself and providers apart."""
        return len(resources_of(self.deployment()))

    def discard(self) -> None:
        """Forget the stack and its resources without touching them."""
        self.run("stack", "rm", self.workspace.stack, "--force", "--yes", "--preserve-config")

    def clear_remains(self) -> None:
        """End and remove what killed commands of this checkout left; the caller holds its lock. Raises Failure."""
        end_leftovers(self.workspace.root)
        self.break_stale_locks()

    def break_stale_locks(self) -> None:
        """Remove locks that a killed engine of this machine left in the file backend."""
        folder = self.workspace.backend / ".pulumi" / "locks"
        for file in folder.rglob(f"{self.workspace.stack}/*.json"):
            with contextlib.suppress(OSError, ValueError, KeyError):
                if is_stale(json.loads(file.read_text())):
                    file.unlink()

    def up(self, on_event: OnEvent, *, parallel: int = PARALLEL) -> None:
        """Bring the stack up; raises CommandError when the engine fails, Interrupted when it was stopped."""
        self._operate("up", on_event, "--yes", "--skip-preview", "--suppress-outputs", parallel=parallel)

    def preview(self, on_event: OnEvent) -> None:
        """Ask the engine what ``up`` would do; raises CommandError, Interrupted."""
        # Events as JSON on standard output, which nobody reads: the CLI's other displays keep each resource's state.
        frugal = {"PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "true", "GOGC": os.environ.get("GOGC", _GOGC)}
        self._operate("preview", on_event, "--suppress-outputs", "--json", parallel=_PREVIEWED, environment=frugal)

    def destroy(self, on_event: OnEvent) -> None:
        """Delete everything the stack made; raises CommandError, Interrupted."""
        self._operate("destroy", on_event, "--yes", "--skip-preview", "--suppress-outputs")

    def read(self, on_event: OnEvent) -> None:
        """Ask the providers what exists and compare it with the state, which stays as it is; raises as ``up``."""
        self._operate("refresh", on_event, "--preview-only", "--suppress-outputs")

    def adopt(self, on_event: OnEvent) -> None:
        """Take into the state what the providers say exists; raises as ``up``."""
        self._operate("refresh", on_event, "--yes", "--skip-preview", "--suppress-outputs")

    def protected(self) -> list[str]:
        """Return the names of the resources that may not be deleted, in the state's order."""
        resources = self.deployment().get("resources") or []
        return [resource_name(entry["urn"]) for entry in resources if entry.get("protect")]

    def _operate(
        self,
        operation: str,
        on_event: OnEvent,
        *options: str,
        parallel: int = PARALLEL,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Run one operation with its events.

        The Automation API's own operations ask for outputs and history after each: two more runs of the CLI, which
        take a second and whose answers nobody needs.
        """
        of = ("--config-file", str(self.config_file)) if self.config_file else ()
        with tempfile.TemporaryDirectory(prefix="kafka-platform-") as folder:
            log = Path(folder) / "events"
            with followed(log, on_event):
                self.command.run(
                    [
                        *(operation, "--stack", self.workspace.stack, "--parallel", str(parallel), "--color", "never"),
                        *("--event-log", str(log), "--exec-kind", "auto.local", *of, *options),
                    ],
                    str(self.workspace.root),
                    # The flag for the events is one of the CLI's hidden ones.
                    {"PULUMI_DEBUG_COMMANDS": "true", MARK: str(self.workspace.root), **environment, **self.settings},
                    keep_output="--json" not in options,
                )


def replace_root(engine: Engine, root: Path) -> Engine:
    """Return the engine for a project in another directory, with the same state and secrets."""
    return replace(engine, workspace=Workspace(root, engine.workspace.stack))


def last_error(text: str) -> str:
    """Return the engine's last ``error:`` line without its prefix, or the last line there is."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("error:").strip() for line in lines if line.startswith("error:")]
    return (errors or lines or ["no reason given"])[-1]


def engine_failure(error: CommandError) -> Failure:
    """Turn the engine's failure into one sentence and a remedy."""
    _, _, stderr = str(error).partition("stderr:")
    said = last_error(stderr)
    if isinstance(error, ConcurrentUpdateError):
        holder = _LOCK.search(stderr)
        by = f"{holder[1]} (process {holder[2]}) since {holder[3]}" if holder else "another update"
        return Failure(f"the stack is locked by {by}", "wait for its end, or run `pulumi cancel` if there is none")
    if "incorrect passphrase" in said:
        return Failure("incorrect passphrase: it does not open the stack's secrets", "correct .state/passphrase")
    return Failure(f"the engine says: {said}")
