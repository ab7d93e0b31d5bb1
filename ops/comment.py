"""``ops report``: a preview as a comment on a pull request, in GitHub's Markdown."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from cost.difference import Change as CostChange
from cost.difference import CostDifference
from ops.allotment import SEPARATOR, Detail, Item, allot, fitting, size
from ops.markdown import NAME_LIMIT, SECRET, blinded, code, escaped, value_text
from ops.preview_document import Change, Diff, PreviewDocument
from ops.risk import Risk, holds_data, is_destructive, ranked, restarts, risk_of, shortens_retention

LIMIT: Final = 65_536
"""Most characters GitHub takes in a comment's body. Bytes are counted here, of which there are never fewer."""
_HEADINGS: Final = {
    Risk.LOSS: "Data or authorities deleted, made anew or kept for less",
    Risk.ACCESS: "Access",
    Risk.REMOVAL: "Deleted or made anew",
    Risk.RESTART: "Restarts, in this order",
    Risk.IN_PLACE: "In place",
    Risk.ADDITION: "New",
}
_FIELDS: Final = 12
"""Properties of a change that are shown."""
_SHORT: Final = 40
"""Characters of an operation and of a type."""
_LINE: Final = 1_500
"""Bytes of a line of names in the summary."""
_COUNTS: Final = 600
"""Bytes of a line that counts what is left out."""
_WARNINGS: Final = 4_000
_COST_ROWS: Final = 4_000
_GROUP_END: Final = "</code>\n"
_FRAME: Final = 400
"""Bytes of a section's heading, of the words around its counts, and of the lines between."""


def marker(stack: str) -> str:
    """Return the hidden line by which a stack's comment is found again and updated."""
    return f"<!-- kafka-platform: {stack} -->"


def comment(document: PreviewDocument, cost: CostDifference | None = None) -> str:
    """Return the comment: the same text for the same preview, never longer than GitHub takes.

    What has no room is counted; the last to lose their names are the riskiest changes, and those that delete.
    """
    rows = ranked(document)
    head = "\n".join(_head(document, [change for _, change in rows], cost)) + "\n"
    kinds = list(dict.fromkeys(risk for risk, _ in rows))
    items = [_item(risk, change) for risk, change in rows]
    room = LIMIT - size(head) - len(kinds) * (_FRAME + _COUNTS)
    details = allot(items, room, size(_GROUP_END))
    sections = []
    for kind in kinds:
        members = [place for place, (risk, _) in enumerate(rows) if risk is kind]
        sections.append(
            _section(
                kind,
                [rows[place][1] for place in members],
                [items[place] for place in members],
                [details[place] for place in members],
            )
        )
    return head + "".join(sections)


def _head(document: PreviewDocument, changes: Sequence[Change], cost: CostDifference | None) -> Iterator[str]:
    yield marker(document.stack)
    yield f"## Preview of stack {code(document.stack, NAME_LIMIT)}: {_count(len(changes), 'change')}"
    yield ""
    counts = [f"{count:,} {code(op, _SHORT)}" for op, count in sorted(document.summary.items())]
    yield _joined(counts, _COUNTS) or "no resources"
    yield ""
    if not changes:
        yield "Nothing changes."
    else:
        yield from _touched(document, changes)
    if cost is not None:
        yield from _cost(cost)
    if document.warnings:
        taken, left = fitting((f"- {code(str(blinded(text)), 300)}" for text in document.warnings), _WARNINGS)
        yield from ("", f"### {_count(len(document.warnings), 'warning')}", "", *taken)
        if left:
            yield f"- {left:,} more"


def _touched(document: PreviewDocument, changes: Sequence[Change]) -> Iterator[str]:
    data = [change for change in changes if _touches_data(change)]
    access = [change for change in changes if risk_of(change) is Risk.ACCESS]
    restarted = [change for change in document.changes if restarts(change)]
    yield f"- **data**: {_joined(map(_deed, data), _LINE) or 'none is touched'}"
    yield f"- **access**: {_joined(map(_deed, access), _LINE) or 'none is touched'}"
    order = _joined((code(change.name, NAME_LIMIT) for change in restarted), _LINE, " → ")
    yield f"- **restarts**: {order or 'none'}"


def _touches_data(change: Change) -> bool:
    return shortens_retention(change) or (holds_data(change) and change.op not in ("create", "import"))


def _deed(change: Change) -> str:
    return f"{escaped(change.op[:_SHORT])} {code(change.name, NAME_LIMIT)}"


def _cost(cost: CostDifference) -> Iterator[str]:
    currency = escaped(cost.currency[:_SHORT])
    yield f"- **cost**: {cost.before:,.2f} → {cost.after:,.2f} {currency} a month ({cost.more:+,.2f})"
    if not cost.changes:
        return
    rows = map(_cost_row, cost.changes)
    taken, left = fitting(rows, _COST_ROWS)
    yield from ("", f"| {currency} a month | before | after | difference |", "|---|--:|--:|--:|", *taken)
    if left:
        yield f"| {left:,} more | | | |"


def _cost_row(change: CostChange) -> str:
    name = code(f"{change.group}: {change.name}", NAME_LIMIT)
    return f"| {name} | {change.before:,.2f} | {change.after:,.2f} | {change.more:+,.2f} |"


def _section(kind: Risk, changes: Sequence[Change], items: Sequence[Item], details: Sequence[Detail]) -> str:
    lines = [f"\n### {_HEADINGS[kind]} ({len(items):,})\n\n"]
    if kind is Risk.ADDITION:
        lines = [f"\n<details><summary>{_HEADINGS[kind]} ({len(items):,})</summary>\n\n"]
    lines += [item.full for item, detail in zip(items, details, strict=True) if detail is Detail.FULL]
    groups: dict[str, list[str]] = {}
    for item, detail in zip(items, details, strict=True):
        if detail is Detail.NAMED:
            groups.setdefault(item.group, []).append(item.name)
    lines += [group + SEPARATOR.join(names) + _GROUP_END for group, names in groups.items()]
    counted = [change for change, detail in zip(changes, details, strict=True) if detail is Detail.COUNTED]
    if counted:
        kinds = Counter((change.op, _type(change)) for change in counted)
        told = [f"{count:,} {code(op, _SHORT)} {code(what, _SHORT)}" for (op, what), count in _most(kinds)]
        lines.append(f"- {len(counted):,} more, left out for their number: {_joined(told, _COUNTS)}\n")
    if kind is Risk.ADDITION:
        lines.append("\n</details>\n")
    return "".join(lines)


def _most(kinds: Counter[tuple[str, str]]) -> list[tuple[tuple[str, str], int]]:
    return sorted(kinds.items(), key=lambda item: (-item[1], item[0]))


def _item(kind: Risk, change: Change) -> Item:
    what = f"{code(change.op, _SHORT)} {code(_type(change), _SHORT)}"
    lead = "1." if kind is Risk.RESTART else "-"
    full = f"{lead} {what} {code(change.name, NAME_LIMIT)}\n"
    if change.op != "create":
        indent = " " * (len(lead) + 1)
        full += "".join(f"{indent}- {_field(change, diff)}\n" for diff in change.diff[:_FIELDS])
        if (left := len(change.diff) - _FIELDS) > 0:
            full += f"{indent}- {left:,} more\n"
    return Item(
        group=f"- {what}: <code>",
        name=escaped(_cut(change.name)),
        full=full,
        must=kind is Risk.LOSS or is_destructive(change),
    )


def _field(change: Change, diff: Diff) -> str:
    old, new = (value_text(change.type, diff.path, value) for value in (diff.old, diff.new))
    changed = code(SECRET) if old == new == SECRET else f"{code(old)} → {code(new)}"
    return f"{code(diff.path)}: {changed}"


def _cut(name: str) -> str:
    return name if len(name) <= NAME_LIMIT else f"{name[: NAME_LIMIT - 1]}…"


def _type(change: Change) -> str:
    return change.type.rsplit(":", 1)[-1]


def _joined(pieces: Iterable[str], room: int, separator: str = SEPARATOR) -> str:
    taken, left = fitting(pieces, room)
    return separator.join([*taken, f"{left:,} more"] if left else taken)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
