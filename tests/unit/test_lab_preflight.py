from pathlib import Path

import pytest

from lab import preflight
from lab.errors import LabError
from lab.faults import machines_of_zone
from lab.paths import Layout
from lab.plan import MACHINES
from lab.tools import run, system


def test_other_systems_are_told_the_way_out() -> None:
    with pytest.raises(LabError) as refused:
        preflight.check_platform("darwin", 0)
    assert str(refused.value) == (
        "the lab runs on Linux, this is darwin: name another cluster with KUBE_CONTEXT to do without the lab"
    )


def test_other_users_are_told_the_way_out() -> None:
    with pytest.raises(LabError) as refused:
        preflight.check_platform("linux", 1000)
    assert str(refused.value) == (
        "the lab needs root for its network namespaces: run as root, "
        "or name another cluster with KUBE_CONTEXT to do without the lab"
    )


def test_root_without_capabilities_is_told_which() -> None:
    preflight.check_capabilities("CapEff:\t000001fffeffffff\n")
    with pytest.raises(LabError) as refused:
        preflight.check_capabilities("CapInh:\t0000000000000000\nCapEff:\t00000000a80425fb\n")
    assert str(refused.value) == (
        "root lacks CAP_NET_ADMIN and CAP_SYS_ADMIN here, so no network namespace can be made: run in a privileged "
        "container or on the machine itself, or name another cluster with KUBE_CONTEXT to do without the lab"
    )


def test_more_machines_than_the_kernel_has_watches_for_are_told_the_way_out() -> None:
    preflight.check_inotify(14, 128)
    with pytest.raises(LabError) as refused:
        preflight.check_inotify(15, 128)
    assert str(refused.value) == (
        "15 machines need 136 inotify instances, and 128 are allowed: name fewer machines, or run "
        "`sysctl -w fs.inotify.max_user_instances=136`"
    )


def test_one_lab_per_machine() -> None:
    preflight.check_alone(Layout(Path("/mine")), {"/mine"})
    with pytest.raises(LabError) as refused:
        preflight.check_alone(Layout(Path("/mine")), {"/mine", "/other"})
    assert str(refused.value) == (
        "a lab with its data in /other is running: stop it with `KAFKA_PLATFORM_LAB=/other python -m lab stop`"
    )


def test_missing_program_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.tools.SYSTEM_PATH", "/nonexistent")
    system.cache_clear()
    with pytest.raises(LabError) as refused:
        system("ip")
    system.cache_clear()
    assert str(refused.value) == (
        "program ip is missing: install the package iproute2, "
        "or name another cluster with KUBE_CONTEXT to do without the lab"
    )


def test_failed_program_is_quoted() -> None:
    with pytest.raises(LabError, match=r"^`ls /nonexistent` failed: .*No such file or directory$"):
        run(["ls", "/nonexistent"])


def test_unknown_zone_is_told_the_known() -> None:
    with pytest.raises(LabError, match=r"^zone 'az-q' is unknown: it must be one of az-a, az-b, az-c$"):
        machines_of_zone("az-q", MACHINES)
