"""What ``up`` leaves in the checkout's ``.state``: engine state, passphrase, and the environment of later commands."""

import contextlib
import fcntl
import json
import os
import secrets
import shlex
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from config.literals import PROJECT
from ops.failure import Failure, UsageFailure
from ops.passphrase import fits
from ops.stack_config import RuntimeKeys, find, insert, is_under_key, strip
from toolchain.aws_plugin import is_stand_in

DEV: Final = "dev"
"""The stack whose secrets this command line makes itself; the others' are set by people."""

_T = TypeVar("_T")

_ADOPTED: Final = ("KAFKA_PLATFORM_CACHE", "KAFKA_PLATFORM_LAB", "KUBE_CONTEXT", "KUBECONFIG")
"""What a later command in a clean shell must know about the environment of ``up``."""


@dataclass(frozen=True)
class Workspace:
    """One stack of one checkout."""

    root: Path
    """The checkout: where Pulumi.yaml is."""
    stack: str = DEV

    @property
    def state(self) -> Path:
        """Everything that ``up`` leaves in the checkout."""
        return self.root / ".state"

    @property
    def backend(self) -> Path:
        """Directory of the engine's file backend."""
        return self.state / "pulumi"

    @property
    def state_file(self) -> Path:
        """The stack's state, where it lies in the file backend."""
        return self.backend / ".pulumi" / "stacks" / PROJECT / f"{self.stack}.json"

    @property
    def passphrase_file(self) -> Path:
        """The passphrase that encrypts the stack's secrets, mode 0600."""
        return self.state / "passphrase"

    @property
    def environment_file(self) -> Path:
        """Shell exports for people who run the Pulumi CLI themselves."""
        return self.state / "env"

    @property
    def keys_file(self) -> Path:
        """Copy of the run-time keys, should Pulumi.<stack>.yaml be reset while the stack is up."""
        return self.state / "keys" / f"{self.stack}.json"

    @property
    def cluster_file(self) -> Path:
        """Identity of the Kubernetes cluster the stack was put on."""
        return self.state / "clusters" / self.stack

    @property
    def kubeconfig_file(self) -> Path:
        """How the cluster is reached that the stack has made itself."""
        return self.state / "kubeconfigs" / f"{self.stack}.json"

    @property
    def config_file(self) -> Path:
        """The stack's committed configuration."""
        return self.root / f"Pulumi.{self.stack}.yaml"

    @property
    def begun(self) -> bool:
        """False when nothing was ever brought up from this checkout with the default backend."""
        return self.backend.is_dir() or "PULUMI_BACKEND_URL" in os.environ

    def adopt_environment(self, environment: MutableMapping[str, str]) -> None:
        """Take over what ``up`` recorded, unless the environment says otherwise."""
        if environment.get("PULUMI_BACKEND_URL") == "":
            # A variable that a workflow sets and nobody has defined.
            del environment["PULUMI_BACKEND_URL"]
        try:
            text = self.environment_file.read_text()
        except OSError:
            return
        recorded = parse_exports(text)
        context = recorded.get("KUBE_CONTEXT")
        if context is None or environment.get("KUBE_CONTEXT", context) != context:
            recorded.pop("KUBECONFIG", None)
        for name in _ADOPTED:
            if name in recorded:
                environment.setdefault(name, recorded[name])

    def engine_settings(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return what the engine needs besides its programs; what the user set himself goes before."""
        settings = {
            # Without a side file of MIME type and checksum for each file: a write is one rename, and cheaper.
            "PULUMI_BACKEND_URL": environment.get("PULUMI_BACKEND_URL", f"file://{self.backend}?metadata=skip"),
            "PULUMI_HOME": environment.get("PULUMI_HOME", str(self.state / "home")),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        if "PULUMI_CONFIG_PASSPHRASE" not in environment:
            settings["PULUMI_CONFIG_PASSPHRASE_FILE"] = environment.get(
                "PULUMI_CONFIG_PASSPHRASE_FILE", str(self.passphrase_file)
            )
        return settings

    def write_environment(self, engine: Mapping[str, str], environment: Mapping[str, str], cache: Path) -> None:
        """Write ``.state/env``: the engine's settings, and what later commands adopt. PATH is only ever extended."""
        exports = dict(engine)
        exports.update({name: environment[name] for name in _ADOPTED if environment.get(name)})
        # Left out of PATH: what a shell has anyway. Kept: our own programs; this shell may have sourced the file.
        parts = [Path(part) for part in environment.get("PATH", "").split(os.pathsep)]
        outer = [str(part) for part in parts if not part.is_relative_to(cache) and not is_stand_in(part)]
        write_private(self.environment_file, render_exports(exports, outer))

    def read_passphrase(self, environment: Mapping[str, str]) -> str | None:
        """Return the passphrase the engine will use, None when there is none yet; raises Failure for a missing file."""
        if "PULUMI_CONFIG_PASSPHRASE" in environment:
            return environment["PULUMI_CONFIG_PASSPHRASE"]
        named = environment.get("PULUMI_CONFIG_PASSPHRASE_FILE")
        file = Path(named) if named else self.passphrase_file
        try:
            return file.read_text().rstrip("\r\n")
        except FileNotFoundError:
            if named and file != self.passphrase_file:
                raise Failure(
                    f"PULUMI_CONFIG_PASSPHRASE_FILE names {file}, which is not there",
                    "correct it, or unset it to use this checkout's own",
                ) from None
            return None
        except OSError as error:
            raise Failure(f"the passphrase in {file} can't be read ({error.strerror})", "correct its mode") from None

    def check_stack(self) -> None:
        """Raise Failure when the checkout has no such stack."""
        if not self.config_file.exists():
            stacks = sorted(path.name.split(".")[1] for path in self.root.glob("Pulumi.*.yaml"))
            raise UsageFailure(f"there is no stack {self.stack}", f"stacks are: {', '.join(stacks) or 'none'}")

    def config_text(self) -> str:
        """Return the stack's configuration, empty when there is none."""
        return self.config_file.read_text() if self.config_file.exists() else ""

    def runtime_keys(self) -> RuntimeKeys:
        """Return the run-time keys of the configuration, or those of the copy; raises Failure for a broken file."""
        keys = self._read(find)
        # Where a key took the passphrase's place, a copy with a salt is of before.
        if not self.keys_file.exists() or self.is_under_key():
            return keys
        return keys.or_else(RuntimeKeys(**json.loads(self.keys_file.read_text())))

    def is_under_key(self) -> bool:
        """Tell whether the stack's secrets have a key of KMS and no passphrase; raises Failure for a broken file."""
        return self._read(is_under_key)

    def _read(self, read: Callable[[str], _T]) -> _T:
        try:
            return read(self.config_text())
        except ValueError as error:
            raise Failure(f"{self.config_file.name} can't be used: {error}", "correct the file") from None

    def check_passphrase(self, environment: Mapping[str, str]) -> None:
        """Raise Failure when the passphrase is missing or wrong for the salt of the stack's configuration."""
        salt, passphrase = self.runtime_keys().salt, self.read_passphrase(environment)
        if salt is None:
            return
        name, shown = self.config_file.name, self.passphrase_file.relative_to(self.root)
        if passphrase is None:
            raise Failure(
                f"{name} holds secrets of stack {self.stack}, but their passphrase file {shown} is missing",
                "put it back or set PULUMI_CONFIG_PASSPHRASE; if it is lost, `make down` discards stack and state",
            )
        if not fits(passphrase, salt):
            raise Failure(
                f"incorrect passphrase: it does not open the secrets in {name}",
                f"correct {shown} or PULUMI_CONFIG_PASSPHRASE; if it is lost, `make down` discards stack and state",
            )

    def make_passphrase(self, environment: Mapping[str, str]) -> None:
        """Write a random passphrase of 256 bits unless there is one."""
        if self.read_passphrase(environment) is None:
            write_private(self.passphrase_file, secrets.token_urlsafe(32))

    def store_keys(self, keys: RuntimeKeys) -> None:
        """Put the run-time keys into the configuration and keep a copy; nothing is written that is there already."""
        text = self.config_text()
        if find(text) != keys:
            try:
                changed = insert(text, keys)
            except ValueError as error:
                raise Failure(f"{self.config_file.name} can't be used: {error}", "correct the file") from None
            replace_text(self.config_file, changed)
        write_private(self.keys_file, json.dumps({"salt": keys.salt, "master_secret": keys.master_secret}))

    def recorded_cluster(self) -> str | None:
        """Return the identity of the cluster the stack was put on, None when it never was."""
        return self.cluster_file.read_text() if self.cluster_file.exists() else None

    def remove_keys(self) -> None:
        """Give the configuration back as it was committed."""
        if not self.config_file.exists():
            return
        text = self.config_text()
        kept = strip(text)
        if not kept and text:
            self.config_file.unlink()
        elif kept != text:
            replace_text(self.config_file, kept)

    def remove(self) -> None:
        """Delete ``.state``."""
        shutil.rmtree(self.state, ignore_errors=True)

    @contextlib.contextmanager
    def locked(self, doing: str) -> Iterator[None]:
        """Hold this checkout's lock; raises Failure when another command holds it."""
        self.state.mkdir(mode=0o700, exist_ok=True)
        path = self.state / "lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.read(descriptor, 200).decode(errors="replace") or "another command"
                raise Failure(f"{holder} is at work in this checkout", "wait for its end, or stop it") from None
            os.truncate(descriptor, 0)
            os.write(descriptor, f"`ops {doing}` (process {os.getpid()})".encode())
            yield
        finally:
            os.close(descriptor)


def render_exports(exports: Mapping[str, str], outer_path: Collection[str] = ()) -> str:
    """Render shell exports, sorted; PATH keeps what isn't in the outer one, and ends in ``$PATH``."""
    lines = []
    for name, value in sorted(exports.items()):
        if name == "PATH":
            added = [part for part in value.split(os.pathsep) if part and part not in outer_path]
            if added:
                lines.append(f'export PATH={shlex.quote(os.pathsep.join(added))}:"$PATH"')
        else:
            lines.append(f"export {name}={shlex.quote(value)}")
    return "\n".join(lines) + "\n"


def parse_exports(text: str) -> dict[str, str]:
    """Read what ``render_exports`` wrote, without PATH."""
    found = {}
    for line in text.splitlines():
        words = shlex.split(line)
        if len(words) == 2 and words[0] == "export":
            name, _, value = words[1].partition("=")
            if name != "PATH":
                found[name] = value
    return found


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    draft.replace(file)


def replace_text(file: Path, text: str) -> None:
    """Replace a file's content whole or not at all, keeping its mode."""
    mode = file.stat().st_mode & 0o777 if file.exists() else 0o644
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(text)
    draft.chmod(mode)
    draft.replace(file)
