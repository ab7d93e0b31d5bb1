"""Measurements of previews: what is generated, what is measured, what is told and drawn."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from config.build import merge
from manifests.acl import service_acl
from ops.__main__ import main
from ops.bench_preview import SIZES, Plan, Run, document, preview, run
from ops.command_line import parser
from ops.failure import Failure, UsageFailure
from ops.generated_catalogue import Size, overlay, read_size
from ops.placeholders import completed
from ops.preview_plot import nice, plot
from ops.process_tree import Usage, measure, program_of
from ops.progress import Reporter
from ops.spec import values_of
from ops.workspace import Workspace

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "size", [*SIZES, Size(25, 26), Size(25, 51), Size(30, 10), Size(40, 0), Size(100, 101)], ids=str
)
def test_a_size_is_what_prod_has_more(size: Size) -> None:
    values, _ = values_of(Workspace(ROOT, "prod"), {})
    own, digests = completed("prod", values)
    grown, same = completed("prod", merge(values, overlay(size)))
    assert same == digests
    assert len(grown.topics) - len(own.topics) == size.topics
    added = sum(len(service_acl(service)) for service in grown.services if service not in own.services)
    assert added == size.acls


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("100", "'100' is no size; give TOPICS:ACLS, as in 100:500"),
        ("100:", "'100:' is no size; give TOPICS:ACLS, as in 100:500"),
        ("-1:5", "'-1:5' is no size; give TOPICS:ACLS, as in 100:500"),
        ("ten:5", "'ten:5' is no size; give TOPICS:ACLS, as in 100:500"),
        ("24:100", "24:100: ACLs need more than 24 topics; give more topics, or no ACLs"),
    ],
)
def test_sizes_that_are_none(text: str, said: str) -> None:
    with pytest.raises(UsageFailure) as caught:
        read_size(text)
    assert str(caught.value) == said


def test_a_size_is_read_as_it_is_written() -> None:
    assert [read_size(str(size)) for size in SIZES] == list(SIZES)


CHILD = (
    "x = bytearray(50_000_000)\nimport time\nend = time.process_time() + 0.4\nwhile time.process_time() < end: pass\n"
)


def test_a_command_is_measured_with_what_it_starts(tmp_path: Path) -> None:
    (tmp_path / "child.py").write_text(CHILD + "time.sleep(1)\n")
    start = "import subprocess, sys; sys.exit(subprocess.run([sys.executable, 'child.py']).returncode + 2)"
    with (tmp_path / "out").open("wb") as out:
        used = measure([sys.executable, "-c", start], tmp_path, os.environ, out, out)
    assert used.exit_code == 2
    assert used.cpu_seconds >= 0.4
    assert used.seconds >= 1
    assert used.peak_bytes >= 50_000_000
    assert sum(used.bytes_by_program.values()) == used.peak_bytes


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["/x/.venv/bin/python", "-m", "ops", "preview"], "ops preview"),
        (["/x/.venv/bin/python", "-m", "lab.aws", "127.0.0.1:1"], "pulumi-resource-aws"),
        (["/x/python", "-u", "/x/bin/pulumi-language-python-exec", "--monitor"], "pulumi-language-python-exec"),
        (["/x/bin/pulumi", "preview"], "pulumi"),
        (["/bin/sh", "script"], "sh"),
        ([], ""),
    ],
)
def test_programs_are_told_by_their_command_lines(arguments: Sequence[str], name: str) -> None:
    assert program_of(arguments) == name


def usage(seconds: float, cpu: float, peak: int) -> Usage:
    parts = {"pulumi": peak}
    return Usage(
        exit_code=2, seconds=seconds, cpu_seconds=cpu, peak_bytes=peak, cpu_by_program={}, bytes_by_program=parts
    )


SEEN = {
    Size(0, 0): [
        Run(400, usage(10.0, 9.0, 2**29)),
        Run(400, usage(30.0, 8.0, 2**28)),
        Run(400, usage(11.0, 10.0, 2**29)),
    ],
    Size(100, 500): [Run(1400, usage(12.0, 11.0, 2**29 + 2**20))],
}


def measured() -> dict[str, Any]:
    return document("prod", Plan(sizes=tuple(SEEN), runs=3), SEEN, [0.5, 2.25, 1.0])


def test_medians_by_size_and_what_a_further_resource_takes() -> None:
    found = measured()
    first = found["sizes"][0]
    assert (first["resources"], first["seconds"], first["seconds_range"]) == (400, 11.0, [10.0, 30.0])
    assert (first["cpu_seconds"], first["peak_bytes"]) == (9.0, 2**29)
    assert found["a_resource"] == {"seconds": 0.001, "cpu_seconds": 0.002, "bytes": round(2**20 / 1000)}
    assert found["machine"]["load"] == [0.5, 2.2]


def test_a_single_size_says_nothing_of_a_further_resource() -> None:
    one = {Size(0, 0): SEEN[Size(0, 0)]}
    assert document("prod", Plan(sizes=tuple(one)), one, [1.0])["a_resource"] is None


def test_the_drawing_says_what_was_measured_when_and_where() -> None:
    found = measured()
    drawn = Xml.fromstring(plot(found))  # noqa: S314
    texts = [each.text or "" for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == "Previews of stack prod, medians of 3 runs"
    assert {"limit: 60", "limit: 1,024", "elapsed", "processor", "memory of all processes, MiB"} <= set(texts)
    assert texts[-1].startswith(f"{found['date']}; {os.cpu_count()} processors, ")
    assert texts[-1].endswith("load meanwhile: 0.5 to 2.2")
    width = float(drawn.attrib["viewBox"].split()[2])
    for panel in drawn.iter("{http://www.w3.org/2000/svg}g"):
        left = float(panel.attrib["transform"].partition("(")[2].split()[0])
        points = [float(each.attrib["cx"]) for each in panel.iter("{http://www.w3.org/2000/svg}circle")]
        assert left + max(points) + 25 <= width, "a figure at the last point is cut off"


@pytest.mark.parametrize(
    ("most", "top"), [(0.9, 1), (1, 1), (1.1, 1.2), (60, 60), (61, 80), (999, 1000), (1024, 1200), (7844, 8000)]
)
def test_the_end_of_an_axis(most: float, top: float) -> None:
    assert nice(most) == top


def test_a_stack_that_is_set_up_isn_t_measured() -> None:
    with pytest.raises(Failure) as caught:
        run(Workspace(ROOT, "dev"), Plan(), Reporter())
    assert str(caught.value) == (
        "stack dev is set up here, and its preview compares it with its state; run it in a fresh clone, of a stack "
        "other than dev"
    )


def test_a_preview_that_fails_is_told_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.bench_preview.overlay", lambda _: {"protect": "perhaps"})
    with pytest.raises(Failure) as caught:
        preview(Workspace(ROOT, "prod"), Size(0, 0))
    assert str(caught.value) == (
        "the preview of 0:0 failed: 1 problem in the configuration:\n"
        "  protect: 'perhaps' is refused: it must be true or false; correct the value"
    )


def test_previews_are_measured_of_prod_and_load_of_dev(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parser().parse_args(["bench", "preview"]).sizes is None
    seen: list[str] = []

    def bench(options: argparse.Namespace) -> int:
        seen.append(options.stack)
        return 0

    monkeypatch.setattr("ops.bench_commands.bench", bench)
    for arguments in (["preview"], ["preview", "--stack", "staging"], [], ["topics"]):
        assert main(["bench", *arguments]) == 0
    assert seen == ["prod", "staging", "dev", "dev"]
