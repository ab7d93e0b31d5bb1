"""``.state`` is dev's alone: ``down`` deletes it, so that no other stack may have its state or its passphrase there."""

import json
import os
import pwd
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from config.literals import PROJECT
from ops.failure import Failure
from ops.passphrase import fits
from ops.workspace import DEV, Workspace

_FILE_URL: Final = re.compile(r"file:(?://)?([^?#]*)", re.IGNORECASE)
_STATE: Final = re.compile(r"(.+)\.json(?:\.gz|\.zst)?")
"""Name of a stack's state, the engine's compressions of it included."""
_OF_DEV: Final = re.compile(rf"{DEV}\.json(?:\.gz|\.zst|\.bak|\.attrs)*")
_GUIDE: Final = "docs/operations.md"


def check_backend(workspace: Workspace, environment: Mapping[str, str]) -> None:
    """Raise Failure unless the state of a stack other than dev goes where ``down`` of dev doesn't delete it."""
    if workspace.stack == DEV:
        return
    url = environment.get("PULUMI_BACKEND_URL")
    if not url:
        raise _unnamed(workspace.stack)
    folder = backend_folder(url, workspace.root)
    if folder is not None and _is_in_state(workspace, folder):
        raise Failure(
            f"the state of stack {workspace.stack} would lie in .state, which `make down` deletes",
            "name a backend that outlives the checkout with PULUMI_BACKEND_URL, in a shell that hasn't sourced "
            f".state/env; {_GUIDE} says how a state moves away from there",
        )


def check_named(workspace: Workspace, environment: Mapping[str, str]) -> None:
    """Raise Failure when no backend is named for a stack other than dev, and its state isn't in ``.state`` either."""
    if workspace.stack == DEV or environment.get("PULUMI_BACKEND_URL"):
        return
    if workspace.stack not in others(workspace):
        raise _unnamed(workspace.stack)


def check_secrets(workspace: Workspace, environment: Mapping[str, str]) -> None:
    """Raise Failure when the secrets of a stack other than dev are under a passphrase that ``down`` of dev deletes.

    Where a key of KMS opens them, nothing is asked. Raises Failure, too, for a broken configuration.
    """
    if workspace.stack == DEV or workspace.is_under_key():
        return
    passphrase = environment.get("PULUMI_CONFIG_PASSPHRASE")
    named = environment.get("PULUMI_CONFIG_PASSPHRASE_FILE")
    if named:
        lost = _is_in_state(workspace, workspace.root / named)
    else:
        # The engine takes dev's where none is named.
        lost = passphrase is None and workspace.runtime_keys().salt is not None
    if lost or (passphrase is not None and passphrase == _passphrase(workspace)):
        raise Failure(
            f"the secrets of stack {workspace.stack} would need the passphrase in .state, which `make down` deletes",
            "set PULUMI_CONFIG_PASSPHRASE to one of its own or give it a key of KMS, in a shell that hasn't sourced "
            f".state/env; {_GUIDE} says how secrets get another key",
        )


def backend_folder(url: str, root: Path) -> Path | None:
    """Return the folder that the engine takes the URL of a file backend for, None of any other backend's.

    ``root`` is where the engine runs. As it does: ``~`` is the user's home whatever HOME says, and ``..`` goes back in
    the text before links are followed.
    """
    found = _FILE_URL.match(url)
    if found is None:
        return None
    path = found[1]
    if path.startswith("~"):
        path = f"{pwd.getpwuid(os.getuid()).pw_dir}/{path[2:]}"
    # Two slashes at the beginning are a path of their own to Python, and one to the engine.
    return Path("/" + unquote(os.path.normpath(root / path)).lstrip("/")).resolve()


def others(workspace: Workspace) -> tuple[str, ...]:
    """Return the stacks other than dev that have resources in a state in ``.state``; of other projects, with those."""
    found = []
    for file in sorted(_engine_folder(workspace).glob("stacks/*/*")):
        named = _STATE.fullmatch(file.name)
        if named is None or (file.parent.name, named[1]) == (PROJECT, DEV):
            continue
        if _has_resources(file):
            found.append(named[1] if file.parent.name == PROJECT else f"{file.parent.name}/{named[1]}")
    return tuple(dict.fromkeys(found))


def latest_of(file: Path) -> dict[str, Any]:
    """Return what a state file says of resources, empty before the first; raises OSError, ValueError, KeyError."""
    return dict(json.loads(file.read_text())["checkpoint"]["latest"] or {})


def resources_of(deployment: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the resources of a state, the stack itself and providers apart."""
    return [entry for entry in deployment.get("resources") or [] if not entry["type"].startswith("pulumi:")]


def keepers(workspace: Workspace) -> tuple[str, ...]:
    """Return the stacks other than dev that would lose state or secrets with ``.state``."""
    return tuple(sorted({*others(workspace), *_opened(workspace)}))


def told(stacks: tuple[str, ...]) -> str:
    """Say that stacks keep what they have in ``.state``."""
    named = f"stack {stacks[0]} has" if len(stacks) == 1 else f"stacks {', '.join(stacks)} have"
    return f"{named} state or secrets in .state: both stay, with the passphrase; {_GUIDE} says how they move away"


def remove_own(workspace: Workspace) -> None:
    """Delete ``.state``; where other stacks would lose something, only what is dev's.

    What stays then is the backend with the others' states, the passphrase, and the shell exports that lead to both.
    """
    if not keepers(workspace):
        workspace.remove()
        return
    engine = _engine_folder(workspace)
    states = [file for file in workspace.state_file.parent.glob("*") if _OF_DEV.fullmatch(file.name)]
    for path in (*states, workspace.keys_file, workspace.cluster_file, workspace.kubeconfig_file):
        path.unlink(missing_ok=True)
    for folder in ("history", "backups", "locks/organization"):
        shutil.rmtree(engine / folder / PROJECT / DEV, ignore_errors=True)


def _unnamed(stack: str) -> Failure:
    return Failure(
        f"stack {stack} needs a state that outlives this machine",
        f"set PULUMI_BACKEND_URL, which names no backend; see {_GUIDE}",
    )


def _engine_folder(workspace: Workspace) -> Path:
    return workspace.backend / ".pulumi"


def _is_in_state(workspace: Workspace, path: Path) -> bool:
    return path.resolve().is_relative_to(workspace.state.resolve())


def _passphrase(workspace: Workspace) -> str | None:
    try:
        return workspace.passphrase_file.read_text().rstrip("\r\n")
    except OSError:
        return None


def _has_resources(file: Path) -> bool:
    try:
        latest = latest_of(file)
        return bool(resources_of(latest) or latest.get("pending_operations"))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        # What can't be read may be all there is of a stack.
        return True


def _opened(workspace: Workspace) -> list[str]:
    """Return the stacks other than dev whose secrets the passphrase in ``.state`` opens."""
    passphrase = _passphrase(workspace)
    found = []
    for file in workspace.root.glob("Pulumi.*.yaml") if passphrase is not None else ():
        stack = Workspace(workspace.root, file.name.removeprefix("Pulumi.").removesuffix(".yaml"))
        try:
            salt = None if stack.stack == DEV else stack.runtime_keys().salt
        except Failure:
            # Its salt can't be read, so nothing is known to open without that passphrase.
            found.append(stack.stack)
            continue
        if salt is not None and fits(passphrase or "", salt):
            found.append(stack.stack)
    return found
