"""Makes a release: the present program's recordings, next to what earlier ones registered."""

import subprocess
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

from semver import VersionInfo

from ops.failure import Failure, UsageFailure
from upgrades import store
from upgrades.changelog import FILE, Changelog
from upgrades.check import check, read_changelog
from upgrades.record import record


def release(checkout: Path, text: str, say: Callable[[str], None] = lambda _: None) -> Sequence[Path]:
    """Record every stack as release ``text`` and return the files; nothing is committed or tagged.

    Raises Failure, and writes nothing, when the version isn't the next, the working tree has changes, the changelog has
    no section of it, or a stack of the last release would lose what isn't announced there.
    """
    version = _version(text)
    changelog = read_changelog(checkout)
    refuse(version, store.versions(checkout), changelog, _project_version(checkout))
    refuse_changes(checkout)
    if store.versions(checkout):
        verdict = check(checkout, say=say)
        if not verdict.good:
            raise Failure("\n".join(["the last release's stacks can't take it:", *verdict.problems]))
    stacks = sorted(file.name.split(".")[1] for file in checkout.glob("Pulumi.*.yaml"))
    texts: dict[str, str] = {}
    for stack in stacks:
        say(f"recording stack {stack}")
        texts[stack] = record(checkout, stack)
    return store.write(checkout, version, texts)


def refuse(version: VersionInfo, released: Sequence[VersionInfo], changelog: Changelog, project: str) -> None:
    """Raise Failure when a version can't be the next one."""
    if version in released:
        raise Failure(f"release {version} exists", "a release is never made again: choose the next version")
    if released and version < released[-1]:
        raise Failure(f"{version} is older than release {released[-1]}", "choose a newer version")
    if project != str(version):
        raise Failure(f"pyproject.toml says version {project}, not {version}", "correct one of them and commit it")
    section = changelog.release(version)
    if section is None:
        raise Failure(f"{FILE} has no section for {version}", "give «Unreleased» its version and day, and commit it")
    if not changelog.releases[0].empty:
        raise Failure(f"{FILE} has entries that aren't released", f"move them to {version}, and commit it")


def refuse_changes(checkout: Path) -> None:
    """Raise Failure when a checkout isn't exactly what is committed: nobody could tell what was recorded."""
    done = subprocess.run(["git", "status", "--porcelain"], cwd=checkout, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"{checkout} is no checkout of git ({done.stderr.strip()})", "release from a checkout")
    if changed := [line[3:] for line in done.stdout.splitlines()]:
        raise Failure(f"the working tree has changes: {', '.join(changed)}", "commit or stash them")


def _version(text: str) -> VersionInfo:
    try:
        version = VersionInfo.parse(text)
    except ValueError:
        version = None
    if version is None or version.prerelease or version.build:
        raise UsageFailure(f"{text!r} is no version", "a release has three numbers: 1.2.3")
    return version


def _project_version(checkout: Path) -> str:
    return str(tomllib.loads((checkout / "pyproject.toml").read_text())["project"]["version"])
