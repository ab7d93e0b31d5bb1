"""The file that says which machines a lab has: read, checked, and turned into a plan."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from config.aws import TaintSpec
from config.base import Spec
from config.errors import Problem, dotted, from_pydantic, shown, suggestion
from config.label import LABEL_KEY, LABEL_VALUE
from config.yaml_file import read_yaml, yaml_problem
from lab.errors import LabError
from lab.plan import INDEXES, REGION, REGION_LABEL, ZONE_LABEL, ZONES, Machine, Taint, machine_key

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

_ITS_OWN: Final = frozenset({"kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch"})
_KUBERNETES: Final = ("kubernetes.io", "k8s.io")
_GRANTED: Final = ("kubelet.kubernetes.io", "node.kubernetes.io")
"""Of these, the domains in which a kubelet may set any label."""
_KUBELETS: Final = frozenset({REGION_LABEL, "node.kubernetes.io/instance-type"})
"""Labels of Kubernetes' own domains that a kubelet may set (k8s.io/kubelet/pkg/apis/well_known_labels.go)."""


class MachineSpec(Spec):
    """One machine."""

    name: str
    """The node's name."""
    zone: str
    """One of the lab's zones."""
    labels: Mapping[str, str] = {}
    """Labels of the node besides zone and region."""
    taints: tuple[TaintSpec, ...] = ()
    """Taints the node is registered with."""


class MachinesSpec(Spec):
    """The whole file."""

    machines: tuple[MachineSpec, ...]
    """The lab's nodes, in any order."""
    zones: Mapping[str, str] = {}
    """A zone of the lab to what Kubernetes shall call it; those left out keep their names."""


def read(file: Path) -> tuple[Machine, ...]:
    """Return the machines that a YAML or JSON file lists; raises LabError naming all of its mistakes."""
    try:
        document = read_yaml(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise LabError(f"{file} can't be read: {getattr(error, 'strerror', None) or error}; name another") from None
    except yaml.YAMLError as error:
        raise LabError(f"{file} can't be read: {yaml_problem(error)}; correct it") from None
    return parse(document, str(file))


def parse(document: Any, source: str) -> tuple[Machine, ...]:
    """Return the machines of a document: a mapping with ``machines`` and ``zones``, or the list of machines alone."""
    whole = {"machines": document} if isinstance(document, list) else document
    if not isinstance(whole, dict):
        raise LabError(f"{source} can't be used: it is {shown(document)}; write a mapping with `machines` and `zones`")
    try:
        spec = MachinesSpec.model_validate(whole)
    except ValidationError as error:
        problems = from_pydantic(error, MachinesSpec, ())
    else:
        problems = list(_problems(spec))
        if not problems:
            return machines(spec)
    raise LabError("\n".join([f"{source} can't be used:", *(f"  {problem}" for problem in sorted(set(problems)))]))


def machines(spec: MachinesSpec) -> tuple[Machine, ...]:
    """Return the machines with their addresses, in the order of the file."""
    return tuple(_machine(each, index, spec.zones) for index, each in zip(INDEXES, spec.machines, strict=False))


def _machine(spec: MachineSpec, index: int, zones: Mapping[str, str]) -> Machine:
    return Machine(
        name=spec.name,
        zone=spec.zone,
        index=index,
        key=machine_key(index),
        called=spec.name,
        labels={ZONE_LABEL: zones.get(spec.zone, spec.zone), REGION_LABEL: REGION, **spec.labels},
        taints=tuple(Taint(key=each.key, effect=each.effect.value, value=each.value) for each in spec.taints),
    )


def _problems(spec: MachinesSpec) -> Iterator[Problem]:
    count = len(spec.machines)
    if not 1 <= count <= len(INDEXES):
        yield Problem("machines", f"a list of {count}", f"a lab has 1 to {len(INDEXES)} machines", "change the list")
    for name, times in Counter(machine.name for machine in spec.machines).items():
        if times > 1:
            yield Problem("machines", shown(name), f"{times} machines have this name", "give each its own")
    yield from _zones(spec.zones)
    for index, machine in enumerate(spec.machines):
        yield from _of_machine(f"machines[{index}]", machine)


def _zones(zones: Mapping[str, str]) -> Iterator[Problem]:
    for zone, label in zones.items():
        if zone not in ZONES:
            yield Problem(f"zones.{zone}", "", "the lab has no such zone", suggestion(zone, ZONES))
        yield from _value(f"zones.{zone}", label)
        if not label:
            yield Problem(f"zones.{zone}", shown(label), "a zone has a name", "name it, or leave the key out")
    for label, times in Counter(zones.get(zone, zone) for zone in ZONES).items():
        if times > 1:
            yield Problem("zones", shown(label), f"{times} zones have this name", "give each its own")


def _of_machine(path: str, machine: MachineSpec) -> Iterator[Problem]:
    if not _NAME.fullmatch(machine.name):
        yield Problem(
            f"{path}.name",
            shown(machine.name),
            "a name has 1 to 63 small letters, digits and, between them, hyphens",
            "rename it",
        )
    if machine.zone not in ZONES:
        yield Problem(f"{path}.zone", shown(machine.zone), "the lab has no such zone", suggestion(machine.zone, ZONES))
    for key, value in machine.labels.items():
        yield from _label(f"{path}.{dotted(['labels', key])}", key, value)
    for index, taint in enumerate(machine.taints):
        yield from _taint(f"{path}.taints[{index}]", taint)
    for (key, effect), times in Counter((taint.key, taint.effect) for taint in machine.taints).items():
        if times > 1:
            yield Problem(f"{path}.taints", f"{key}:{effect}", f"it is there {times} times", "leave one of them")


def _label(path: str, key: str, value: str) -> Iterator[Problem]:
    yield from _key(path, key)
    yield from _value(path, value)
    if key == ZONE_LABEL:
        yield Problem(path, shown(value), "the zone comes from the machine's", "name it in `zones`")
    elif key in _ITS_OWN or (_in_domain(key, *_KUBERNETES) and key not in _KUBELETS and not _in_domain(key, *_GRANTED)):
        yield Problem(path, "", "a kubelet may not set this label, or sets it itself", "leave it out")


def _taint(path: str, taint: TaintSpec) -> Iterator[Problem]:
    yield from _key(f"{path}.key", taint.key)
    yield from _value(f"{path}.value", taint.value)
    if taint.key.startswith("node.kubernetes.io/"):
        yield Problem(f"{path}.key", shown(taint.key), "Kubernetes sets such taints itself", "use a key of your own")


def _in_domain(key: str, *domains: str) -> bool:
    """Tell whether a key's domain is one of these, or below one."""
    found = key.rpartition("/")[0]
    return any(found == each or found.endswith(f".{each}") for each in domains)


def _key(path: str, key: str) -> Iterator[Problem]:
    if not LABEL_KEY.fullmatch(key):
        yield Problem(
            path,
            shown(key),
            "a key is a name of 1 to 63 letters, digits, '-', '_' and '.', with an optional domain and '/' before it",
            "correct it",
        )


def _value(path: str, value: str) -> Iterator[Problem]:
    if not LABEL_VALUE.fullmatch(value):
        yield Problem(
            path,
            shown(value),
            "a value has at most 63 letters, digits, '-', '_' and '.', and begins and ends with a letter or digit",
            "correct it",
        )
