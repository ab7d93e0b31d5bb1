"""The changelog's form, and every mistake in it with the sentence it is answered with."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from semver import VersionInfo

from upgrades.changelog import ChangelogError, parse

ROOT = Path(__file__).parents[2]
TABLE: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "bad_changelogs.yaml").read_text())
GOOD = """# Changelog

What it is.

## [Unreleased]

### Changed

- The bucket's name,
  which was too long.

### Deletions and replacements

```yaml
- operation: replace
  type: aws:s3/bucket:Bucket
  name: backup-*
  stacks: [staging, prod]
  reason: The name was too long.
  operator: Copy what is in it before the update.
```

## [0.2.0] - 2026-12-01

### Deletions and replacements

```yaml
- {operation: delete, type: kafka:index/acl:Acl, name: old-reader, stacks: [dev], reason: gone, operator: nothing}
```

## [0.1.0] - 2026-11-25

### Added

- Everything.

[0.1.0]: https://example.org/0.1.0
"""


def test_this_project_s_own_is_right() -> None:
    newest = parse((ROOT / "CHANGELOG.md").read_text()).releases[-1]
    assert newest.version == VersionInfo(0, 1, 0)


def test_what_a_release_announces_counts_for_every_release_before() -> None:
    changelog = parse(GOOD)
    assert [each.name for each in changelog.since(VersionInfo(0, 1, 0))] == ["backup-*", "old-reader"]
    assert [each.name for each in changelog.since(VersionInfo(0, 2, 0))] == ["backup-*"]
    assert changelog.release(VersionInfo(0, 3, 0)) is None


@pytest.mark.parametrize("row", TABLE, ids=lambda row: str(row["says"][0])[:60])
def test_every_mistake_has_its_sentences(row: dict[str, Any]) -> None:
    text = GOOD
    for old, new in row["replace"].items():
        assert old in text
        text = text.replace(old, new, 1)
    with pytest.raises(ChangelogError) as caught:
        parse(text)
    assert [str(problem) for problem in caught.value.problems] == row["says"]
