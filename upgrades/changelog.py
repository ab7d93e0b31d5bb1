"""CHANGELOG.md, in the form of keepachangelog.com 1.1.0: what releases changed, and what they announce to take away.

Announcements are a section of their own, «Deletions and replacements», with one fenced block of YAML in it: a list of
upgrades/announcement.py. docs/upgrades.md shows one.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import yaml
from pydantic import ValidationError
from semver import VersionInfo

from config.errors import Problem, from_pydantic, shown
from config.yaml_file import read_yaml, yaml_problem
from upgrades.announcement import Announcement

FILE: Final = "CHANGELOG.md"
ANNOUNCED: Final = "Deletions and replacements"
_TITLE: Final = "# Changelog"
_KINDS: Final = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security", ANNOUNCED)
_UNRELEASED: Final = "## [Unreleased]"
_RELEASE: Final = re.compile(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})$")
_LINK: Final = re.compile(r"^\[[^\]]+\]: \S+$")


class ChangelogError(Exception):
    """All problems of the changelog at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems), key=lambda each: (_line(each), str(each))))
        count = len(self.problems)
        head = "1 problem" if count == 1 else f"{count} problems"
        super().__init__("\n".join([f"{head} in the changelog:", *(f"  {problem}" for problem in self.problems)]))


@dataclass(frozen=True, kw_only=True)
class Release:
    """One section."""

    version: VersionInfo | None
    """None: what isn't released yet."""
    announcements: tuple[Announcement, ...]
    empty: bool
    """Whether it says nothing."""


@dataclass(frozen=True)
class Changelog:
    """All releases, the newest first; the first of all is what isn't released yet."""

    releases: tuple[Release, ...]

    def since(self, version: VersionInfo) -> list[Announcement]:
        """Return what was announced after a release."""
        newer = [each for each in self.releases if each.version is None or each.version > version]
        return [announcement for each in newer for announcement in each.announcements]

    def release(self, version: VersionInfo) -> Release | None:
        """Return a release's section, None when there is none."""
        return next((each for each in self.releases if each.version == version), None)


def parse(text: str) -> Changelog:
    """Read a changelog; raises ChangelogError with every problem, each with its line."""
    reader = _Reader()
    for number, line in enumerate(text.splitlines(), 1):
        reader.read(number, line)
    return reader.end()


def _line(problem: Problem) -> int:
    number = problem.path.removeprefix(f"{FILE}:").partition(":")[0]
    return int(number) if number.isdecimal() else 0


class _Reader:
    """Takes a changelog line by line."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._releases: list[Release] = []
        self._open: tuple[int, VersionInfo | None] | None = None
        self._kinds: list[str] = []
        self._kind_at = 0
        self._entries = 0
        self._block: list[str] | None = None
        self._block_at = 0
        self._announcements: tuple[Announcement, ...] = ()
        self._blocks = 0

    def read(self, number: int, line: str) -> None:
        """Take one line."""
        if self._block is not None:
            self._in_block(self._block, line)
        elif number == 1:
            if line != _TITLE:
                self._note(number, line, f"the file begins with {_TITLE!r}", "write that")
        elif line.startswith("## "):
            self._begin(number, line)
        elif line.startswith("### "):
            self._kind(number, line.removeprefix("### "))
        elif self._open is not None and line.strip() and not _LINK.match(line):
            self._entry(number, line)

    def end(self) -> Changelog:
        """Return what was read; raises ChangelogError."""
        if self._block is not None:
            self._note(self._block_at, "", "the block has no end", "write ``` after it")
            self._block = None
        self._close()
        if not self._releases or self._releases[0].version is not None:
            self._note(1, "", f"the first section is {_UNRELEASED!r}", "add it, if need be without entries")
        if self._problems:
            raise ChangelogError(self._problems)
        return Changelog(tuple(self._releases))

    def _begin(self, number: int, line: str) -> None:
        self._close()
        match = _RELEASE.match(line)
        version = VersionInfo.parse(match[1]) if match else None
        if match is None and line != _UNRELEASED:
            allowed = f"a section is {_UNRELEASED!r} or '## [1.2.3] - 2026-01-31'"
            self._note(number, line, allowed, "correct the heading")
        if match is not None and not _is_date(match[2]):
            self._note(number, match[2], "there is no such day", "correct it")
        last = self._releases[-1].version if self._releases else None
        if self._releases and (version is None or (last is not None and version >= last)):
            self._note(number, line, "sections go from the newest to the oldest, each once", "move or rename it")
        self._open = (number, version)

    def _close(self) -> None:
        if self._open is None:
            return
        number, version = self._open
        self._close_kind()
        empty = not self._kinds
        if empty and version is not None:
            self._note(number, str(version), "a release says what it changed", "add a section with an entry")
        self._releases.append(Release(version=version, announcements=self._announcements, empty=empty))
        self._open, self._kinds, self._announcements = None, [], ()

    def _kind(self, number: int, kind: str) -> None:
        self._close_kind()
        if self._open is None:
            self._note(number, kind, "it belongs to a release", f"put it below {_UNRELEASED!r}")
            return
        if kind not in _KINDS:
            self._note(number, kind, f"allowed are {', '.join(_KINDS)}", "choose one of them")
        elif kind in self._kinds:
            self._note(number, kind, "the release has it already", "put the entries together")
        self._kinds.append(kind)
        self._kind_at = number

    def _close_kind(self) -> None:
        kind = self._kinds[-1] if self._kinds else None
        if kind == ANNOUNCED and self._blocks != 1:
            self._note(self._kind_at, kind, "it has one block of YAML", "add it, or put the blocks together")
        elif kind is not None and kind != ANNOUNCED and self._entries == 0:
            self._note(self._kind_at, kind, "it has no entry", "add one, or remove the section")
        self._entries = self._blocks = 0

    def _entry(self, number: int, line: str) -> None:
        if self._kinds and self._kinds[-1] == ANNOUNCED:
            if line == "```yaml":
                self._block, self._block_at = [], number
            else:
                self._note(number, line, f"{ANNOUNCED!r} holds a block of YAML only", "begin it with ```yaml")
        elif not self._kinds:
            self._note(number, line, "an entry belongs to a kind", f"put it below one of ### {', '.join(_KINDS)}")
        elif line.startswith(("- ", "  ")):
            self._entries += 1
        else:
            self._note(number, line, "an entry begins with '- ', and goes on behind two blanks", "write it so")

    def _in_block(self, block: list[str], line: str) -> None:
        if line != "```":
            block.append(line)
            return
        self._block = None
        self._blocks += 1
        self._announcements += tuple(self._read_block(block))

    def _read_block(self, block: Sequence[str]) -> list[Announcement]:
        at = self._block_at
        try:
            # Blank lines in front, so that a problem has the file's line.
            document = read_yaml("\n" * at + "\n".join(block))
        except yaml.YAMLError as error:
            self._note(at, "", yaml_problem(error), "correct the block")
            return []
        if not isinstance(document, list) or not document:
            self._note(at, shown(document), "the block is a list of announcements", "add one, or remove the section")
            return []
        found = [self._announcement(index, each) for index, each in enumerate(document)]
        return [each for each in found if each is not None]

    def _announcement(self, index: int, entry: Any) -> Announcement | None:
        try:
            return Announcement.model_validate(entry)
        except ValidationError as error:
            for problem in from_pydantic(error, Announcement, [index]):
                path = f"{FILE}:{self._block_at}: {problem.path}"
                self._problems.append(Problem(path, problem.value, problem.allowed, problem.remedy))
            return None

    def _note(self, number: int, value: str, allowed: str, remedy: str) -> None:
        self._problems.append(Problem(f"{FILE}:{number}", shown(value) if value else "", allowed, remedy))


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
