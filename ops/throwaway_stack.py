"""A stack for one preview of what nobody has set up: state, secrets and configuration in a folder that goes with it."""

import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import yaml

from config.errors import ConfigError
from config.literals import PROJECT
from config.load import CONNECT_SECRETS
from ops.placeholders import Placeholders, completed, missing_connect_secrets, with_digests
from ops.spec import values_of
from ops.stack import Engine, replace_root
from ops.workspace import DEV, Workspace, write_private
from toolchain.engine import engine_environment

_CONNECT: Final = f"{PROJECT}:{CONNECT_SECRETS}"


def is_unset(workspace: Workspace, environment: Mapping[str, str]) -> bool:
    """Tell whether a stack has neither secrets nor a state here, so that a preview has nothing to compare with.

    Never of dev, which `up` sets up by itself; nor where PULUMI_BACKEND_URL names a state, or the stack's file holds
    secrets: then what is missing is a mistake.
    """
    keys = workspace.runtime_keys()
    return (
        workspace.stack != DEV
        and not (keys.salt or keys.master_secret)
        and not environment.get("PULUMI_BACKEND_URL")
        and not workspace.state_file.exists()
    )


def placeholders_of(workspace: Workspace, environment: Mapping[str, str]) -> Placeholders:
    """Return what the stack lacks, overlay included; raises ConfigError with what else is wrong."""
    values, problems = values_of(workspace, environment)
    if problems:
        raise ConfigError(problems)
    platform, digests = completed(workspace.stack, values)
    document = yaml.safe_load(workspace.config_text()) or {}
    there = (document.get("config") or {}).get(_CONNECT) or ()
    return Placeholders(digests=digests, connect_secrets=missing_connect_secrets(platform.connect, there))


@contextmanager
def throwaway(workspace: Workspace, placeholders: Placeholders, environment: Mapping[str, str]) -> Iterator[Engine]:
    """Yield an engine for previews of the stack; nothing of the checkout is written, and nothing is left."""
    with tempfile.TemporaryDirectory(prefix="kafka-platform-") as name:
        folder = Path(name)
        own = {key: value for key, value in environment.items() if not key.startswith("PULUMI_CONFIG_PASSPHRASE")}
        found = Engine.of(workspace, engine_environment(), own)
        settings = {key: value for key, value in found.settings.items() if key != "PULUMI_CONFIG_PASSPHRASE_FILE"}
        settings |= {
            "PULUMI_BACKEND_URL": f"file://{folder}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": secrets.token_urlsafe(32),
        }
        scratch = replace_root(replace(found, settings=settings), folder)
        (folder / "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\n")
        write_private(scratch.workspace.config_file, configuration(workspace.config_text(), placeholders))
        scratch.run("stack", "init", workspace.stack)
        scratch.set_random_master_secret()
        for secret in placeholders.connect_secrets:
            scratch.set_random_secret(f"{_CONNECT}.{secret}")
        yield replace(scratch, workspace=workspace, config_file=scratch.workspace.config_file)


def configuration(text: str, placeholders: Placeholders) -> str:
    """Return a stack's file with placeholders for the digests it lacks."""
    document: dict[str, Any] = yaml.safe_load(text) or {}
    config = document.get("config") or {}
    ours = {key.partition(":")[2]: value for key, value in config.items() if key.startswith(f"{PROJECT}:")}
    completed_values = with_digests(ours, placeholders.digests)
    config = {**config, **{f"{PROJECT}:{key}": value for key, value in completed_values.items()}}
    return yaml.safe_dump({**document, "config": config}, sort_keys=False)
