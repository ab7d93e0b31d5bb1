from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.__main__ import main
from lab.errors import LabError
from lab.machine_file import parse, read
from lab.machine_record import agreed, record, recorded
from lab.paths import Layout
from lab.plan import MACHINES, Taint, zones

TABLE: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "bad_machines.yaml").read_text())

GOOD: dict[str, Any] = {
    "zones": {"az-a": "eu-central-1a", "az-c": "eu-central-1c"},
    "machines": [
        {
            "name": "broker-1a",
            "zone": "az-a",
            "labels": {"kafka.pyairtable.dev/pool": "broker", "topology.kubernetes.io/region": "eu-central-1"},
            "taints": [{"key": "kafka.pyairtable.dev/pool", "value": "broker", "effect": "NoSchedule"}],
        },
        {"name": "companions-1a", "zone": "az-a", "labels": {"node.kubernetes.io/instance-type": "m7g.large"}},
        {"name": "companions-1b", "zone": "az-b", "taints": [{"key": "spare", "effect": "NoExecute"}]},
    ],
}


@pytest.mark.parametrize("case", TABLE, ids=lambda case: str(case["file"]))
def test_mistakes_are_named_all_at_once(case: dict[str, Any]) -> None:
    with pytest.raises(LabError) as refused:
        parse(case["file"], "machines.yaml")
    assert str(refused.value).splitlines() == [
        "machines.yaml can't be used:",
        *(f"  {sentence}" for sentence in case["says"]),
    ]


def test_machines_have_addresses_in_the_order_of_the_file() -> None:
    found = parse(GOOD, "machines.yaml")
    assert [(each.name, each.zone, str(each.address), str(each.pods), each.cgroup) for each in found] == [
        ("broker-1a", "az-a", "198.18.0.2", "198.18.2.0/24", "/kafka-lab/kafka-lab-2"),
        ("companions-1a", "az-a", "198.18.0.3", "198.18.3.0/24", "/kafka-lab/kafka-lab-3"),
        ("companions-1b", "az-b", "198.18.0.4", "198.18.4.0/24", "/kafka-lab/kafka-lab-4"),
    ]
    assert zones(found) == ("az-a", "az-b")


def test_machines_bear_the_clouds_zone_their_labels_and_taints() -> None:
    first, second, third = parse(GOOD, "machines.yaml")
    assert first.labels == {
        "topology.kubernetes.io/zone": "eu-central-1a",
        "topology.kubernetes.io/region": "eu-central-1",
        "kafka.pyairtable.dev/pool": "broker",
    }
    assert first.taints == (Taint(key="kafka.pyairtable.dev/pool", value="broker", effect="NoSchedule"),)
    assert (second.zone_label, second.labels["topology.kubernetes.io/region"]) == ("eu-central-1a", "lab")
    assert (third.zone_label, third.taints) == ("az-b", (Taint(key="spare", effect="NoExecute"),))


def test_a_list_alone_are_the_machines_of_zones_with_their_own_names() -> None:
    found = parse(GOOD["machines"], "machines.yaml")
    assert [each.zone_label for each in found] == ["az-a", "az-a", "az-b"]


def test_json_is_read_too(tmp_path: Path) -> None:
    file = tmp_path / "machines.json"
    file.write_text('{"machines": [{"name": "one", "zone": "az-b"}]}')
    assert [(each.name, each.zone) for each in read(file)] == [("one", "az-b")]


def test_more_machines_than_addresses_are_refused() -> None:
    many = [{"name": f"machine-{number}", "zone": "az-a"} for number in range(63)]
    assert len(parse(many[:62], "machines.yaml")) == 62
    with pytest.raises(
        LabError, match=r"machines: a list of 63 is refused: a lab has 1 to 62 machines; change the list$"
    ):
        parse(many, "machines.yaml")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("machines: [", "can't be read: did not find expected node content (line 2); correct it"),
        ("machines: []\nmachines: []\n", "can't be read: key 'machines' is there twice (line 2); correct it"),
        ("three machines", "can't be used: it is 'three machines'; write a mapping with `machines` and `zones`"),
        ("", "can't be used: it is null; write a mapping with `machines` and `zones`"),
        (None, "can't be read: No such file or directory; name another"),
    ],
)
def test_what_is_no_such_file_is_said_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, says: str
) -> None:
    file = tmp_path / "machines.yaml"
    if text is not None:
        file.write_text(text)
    assert main(["start", "--machines", str(file)]) == 1
    assert capsys.readouterr().err == f"{file} {says}\n"


def test_a_lab_keeps_its_machines(tmp_path: Path) -> None:
    files = Layout(tmp_path / "lab")
    wanted = parse(GOOD, "machines.yaml")
    assert agreed(files, None) == MACHINES
    assert agreed(files, wanted) == wanted
    files.root.mkdir()
    record(files, wanted)
    assert recorded(files) == agreed(files, None) == agreed(files, wanted) == wanted


def test_a_lab_that_has_other_machines_is_left_alone(tmp_path: Path) -> None:
    files = Layout(tmp_path)
    wanted = parse(GOOD, "machines.yaml")
    record(files, MACHINES)
    assert agreed(files, MACHINES) == MACHINES
    with pytest.raises(LabError) as refused:
        agreed(files, wanted)
    assert str(refused.value) == (
        "the lab has other machines: node-a, node-b, node-c; "
        "remove it first with `python -m lab stop`, or start it without --machines"
    )
    record(files, wanted)
    with pytest.raises(LabError, match=r"^the lab has other machines: broker-1a, companions-1a, companions-1b; "):
        agreed(files, (replace(wanted[0], labels={}), *wanted[1:]))
