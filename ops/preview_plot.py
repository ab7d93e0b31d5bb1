"""A drawing of how previews grow: an SVG in two panels, seconds and memory by number of resources."""

from collections.abc import Sequence
from typing import Any, Final
from xml.etree import ElementTree as Xml

from ops.bench_preview import title

_WIDTH: Final = 380
_HEIGHT: Final = 260
_LEFT: Final = 62
_TOP: Final = 46
_BOTTOM: Final = 44
_RIGHT: Final = 30
"""Half of the widest number below an axis."""
_SAMPLE: Final = 90
"""What a line's sample and name take of the legend."""
_GAP: Final = 24
# Colours that can be read on light pages and on dark ones.
_INK: Final = "#57606a"
_LINE: Final = "#0969da"
_LIMIT: Final = "#cf222e"
_TICKS: Final = 4

Point = tuple[float, float]


def plot(document: dict[str, Any]) -> str:
    """Return the drawing of what ``ops bench preview --json`` prints; it says date and machine."""
    sizes, limits = document["sizes"], document["limits"]
    whole = Xml.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {2 * _WIDTH + _GAP} {_HEIGHT + 22}",
            "font-family": "sans-serif",
            "font-size": "12",
        },
    )
    _text(whole, 8, 16, title(document).capitalize(), weight="bold")
    seconds = [(one["resources"], one["seconds"]) for one in sizes]
    cpu = [(one["resources"], one["cpu_seconds"]) for one in sizes]
    memory = [(one["resources"], one["peak_bytes"] / 2**20) for one in sizes]
    _panel(whole, 0, "seconds", {"elapsed": seconds, "processor": cpu}, limits["seconds"])
    _panel(whole, _WIDTH + _GAP, "memory of all processes, MiB", {"all processes": memory}, limits["bytes"] / 2**20)
    machine = document["machine"]
    least, most = machine["load"]
    _text(
        whole,
        8,
        _HEIGHT + 16,
        f"{document['date']}; {machine['processors']} processors, {machine['architecture']}, {machine['system']}, "
        f"Python {machine['python']}; the machine's load meanwhile: {least} to {most}",
    )
    Xml.indent(whole)
    return Xml.tostring(whole, encoding="unicode") + "\n"


def _panel(whole: Xml.Element, left: float, heading: str, lines: dict[str, Sequence[Point]], limit: float) -> None:
    panel = Xml.SubElement(whole, "g", {"transform": f"translate({left:g} 0)"})
    widest = nice(max(x for points in lines.values() for x, _ in points))
    highest = nice(max(limit, *(y for points in lines.values() for _, y in points)))

    def across(x: float) -> float:
        return round(_LEFT + x / widest * (_WIDTH - _LEFT - _RIGHT), 1)

    def down(y: float) -> float:
        return round(_HEIGHT - _BOTTOM - y / highest * (_HEIGHT - _BOTTOM - _TOP), 1)

    _text(panel, 8, _TOP - 12, heading)
    for index in range(_TICKS + 1):
        x, y = widest * index / _TICKS, highest * index / _TICKS
        _line(panel, [(across(0), down(y)), (across(widest), down(y))], _INK, width="0.3")
        _text(panel, _LEFT - 6, down(y) + 4, f"{y:,.4g}".replace("e+03", ""), anchor="end")
        _text(panel, across(x), _HEIGHT - _BOTTOM + 16, f"{x:,.0f}", anchor="middle")
    _text(panel, across(widest / 2), _HEIGHT - _BOTTOM + 34, "resources", anchor="middle")
    _line(panel, [(across(0), down(limit)), (across(widest), down(limit))], _LIMIT, dash="5 4")
    _text(panel, across(0) + 4, down(limit) - 5, f"limit: {limit:,.0f}", colour=_LIMIT)
    for number, (name, points) in enumerate(lines.items()):
        dash = "2 3" if number else ""
        _line(panel, [(across(x), down(y)) for x, y in points], _LINE, dash=dash)
        for x, y in points:
            Xml.SubElement(panel, "circle", {"cx": f"{across(x)}", "cy": f"{down(y)}", "r": "3", "fill": _LINE})
            if not number:
                # Other lines are above the first.
                _text(panel, across(x), down(y) + (16 if len(lines) > 1 else -8), f"{y:,.0f}", "middle", colour=_LINE)
        if len(lines) > 1:
            start = across(widest) - _SAMPLE * (len(lines) - number)
            _line(panel, [(start, _TOP - 16), (start + 24, _TOP - 16)], _LINE, dash=dash)
            _text(panel, start + 28, _TOP - 12, name, colour=_LINE)


def nice(most: float) -> float:
    """Return the least of 1, 1.2, 1.6, 2, 4, 6, 8 or 10 times a power of ten that isn't below: it divides well."""
    power = 1.0
    while power * 10 < most:
        power *= 10
    return next(power * step for step in (1, 1.2, 1.6, 2, 4, 6, 8, 10) if power * step >= most)


def _text(
    parent: Xml.Element, x: float, y: float, text: str, anchor: str = "start", *, colour: str = _INK, weight: str = ""
) -> None:
    style = {"x": f"{x:g}", "y": f"{y:g}", "text-anchor": anchor, "fill": colour}
    Xml.SubElement(parent, "text", {**style, **({"font-weight": weight} if weight else {})}).text = text


def _line(parent: Xml.Element, points: Sequence[Point], colour: str, *, width: str = "1.5", dash: str = "") -> None:
    style = {"fill": "none", "stroke": colour, "stroke-width": width, **({"stroke-dasharray": dash} if dash else {})}
    Xml.SubElement(parent, "polyline", {"points": " ".join(f"{x:g},{y:g}" for x, y in points), **style})
