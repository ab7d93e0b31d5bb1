"""Judges the present program on every stack of the last release."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from semver import VersionInfo

from config.errors import ConfigError
from ops.engine_text import resource_name
from ops.failure import Failure
from upgrades import store
from upgrades.announcement import Announcement
from upgrades.changelog import ANNOUNCED, FILE, Changelog, parse
from upgrades.judgement import Loss, losses
from upgrades.rehearsal import Rehearsal, rehearse
from upgrades.stage import staged


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What was found."""

    release: str
    stacks: tuple[str, ...]
    unannounced: tuple[Loss, ...] = ()
    announced: tuple[Loss, ...] = ()
    unused: tuple[str, ...] = ()
    """What is announced and doesn't happen, a sentence each."""
    refused: tuple[str, ...] = field(default=())
    """Stacks, or resources of them, that can't be judged, with the reason, a sentence each."""

    @property
    def good(self) -> bool:
        """Whether every stack of the release can take the program."""
        return not (self.unannounced or self.unused or self.refused)

    @property
    def problems(self) -> list[str]:
        """All that is wrong, a sentence each."""
        return [*self.refused, *map(str, self.unannounced), *self.unused]

    def document(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""

        def rows(found: Sequence[Loss]) -> list[dict[str, Any]]:
            return [
                {
                    "stack": loss.stack,
                    "urn": loss.urn,
                    "operation": loss.operation.value,
                    "because": list(loss.because),
                }
                for loss in found
            ]

        return {
            "release": self.release,
            "stacks": list(self.stacks),
            "unannounced": rows(self.unannounced),
            "announced": rows(self.announced),
            "unused": list(self.unused),
            "refused": list(self.refused),
        }


def read_changelog(checkout: Path) -> Changelog:
    """Read the checkout's changelog; raises ChangelogError, Failure when there is none."""
    try:
        return parse((checkout / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Failure(f"there is no {FILE}", "write it, docs/upgrades.md shows its form") from None


def check(checkout: Path, stacks: Sequence[str] = (), say: Callable[[str], None] = lambda _: None) -> Verdict:
    """Judge the given stacks, or all of the last release.

    Raises Failure when nothing was released, or the release has no such stack, ChangelogError for a bad changelog.
    """
    changelog = read_changelog(checkout)
    found = store.versions(checkout)
    if not found:
        raise Failure("nothing was released yet", "make the first release: make release VERSION=0.1.0")
    last = found[-1]
    if changelog.release(last) is None:
        raise Failure(f"{store.FOLDER}/{last} has no section in {FILE}", f"add '## [{last}] - ' and its day")
    recorded = store.stacks(checkout, last)
    asked = tuple(stacks) or tuple(recorded)
    if strange := sorted(set(asked) - set(recorded)):
        raise Failure(f"release {last} has no stack {', '.join(strange)}", f"it has: {', '.join(recorded)}")
    lost: list[Loss] = []
    refused: list[str] = []
    judged: list[str] = []
    for stack in asked:
        say(f"previewing stack {stack} of release {last}")
        try:
            rehearsal = upgraded(checkout, last, stack)
        except (Failure, ConfigError) as error:
            refused.append(f"{stack}: the preview ended: {error}")
            continue
        lost += losses(stack, rehearsal.steps)
        if rehearsal.unjudged:
            refused.append(unjudged(stack, rehearsal.unjudged))
        judged.append(stack)
    announcements = changelog.since(last)
    refused += [
        f"{stack}: {FILE} announces something there, and release {last} has no such stack; use {', '.join(recorded)}"
        for stack in sorted({stack for each in announcements for stack in each.stacks} - set(recorded))
    ]
    return weigh(str(last), asked, judged, lost, announcements, refused)


def upgraded(checkout: Path, version: VersionInfo, stack: str) -> Rehearsal:
    """Rehearse the update of a stack of a release; raises Failure or ConfigError in the program's words."""
    with staged(checkout, stack) as stage:
        return rehearse(stage, store.read(checkout, version, stack))


def unjudged(stack: str, urns: Sequence[str]) -> str:
    """Return the sentence about resources that the engine couldn't compare."""
    return (
        f"{stack}: {len(urns)} resources can't be judged, because the settings of their provider follow from something "
        f"new: {', '.join(sorted(map(resource_name, urns)))}; make what the provider needs in a release before"
    )


def weigh(
    release: str,
    stacks: Sequence[str],
    judged: Sequence[str],
    lost: Sequence[Loss],
    announcements: Sequence[Announcement],
    refused: Sequence[str] = (),
) -> Verdict:
    """Tell what is lost without an announcement, and what is announced without a loss on a ``judged`` stack."""
    covered = [loss for loss in lost if any(each.covers(loss) for each in announcements)]
    unused = [
        f"{stack}: nothing comes of what {FILE} announces under «{ANNOUNCED}», {each.operation.value} "
        f"{each.type} {each.name}; remove the announcement, or the stack from it"
        for each in announcements
        for stack in each.stacks
        if stack in judged and not any(loss.stack == stack and each.covers(loss) for loss in lost)
    ]
    return Verdict(
        release=release,
        stacks=tuple(stacks),
        unannounced=tuple(loss for loss in lost if loss not in covered),
        announced=tuple(covered),
        unused=tuple(unused),
        refused=tuple(refused),
    )
