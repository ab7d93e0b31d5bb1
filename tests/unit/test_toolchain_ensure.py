import io
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from rich.console import Console

from toolchain import debian, packages
from toolchain.__main__ import main
from toolchain.builds import BUILDS
from toolchain.cache import VARIABLE
from toolchain.display import display
from toolchain.ensure import Plan, Progress, State, ensure
from toolchain.packages import INSTALLED, UNPACKED
from toolchain.process import Failed, Processes, Stopped, Unsuitable

EVERYTHING = {probe for package in INSTALLED for probe in package.probes}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
    return tmp_path / "cache"


class TestMissingPackages:
    @pytest.mark.parametrize(
        ("group", "gone", "expected"),
        [
            ("lab", set(), []),
            ("tests", set(), []),
            ("lab", {"ip"}, ["iproute2"]),
            ("lab", {"conntrack", "debootstrap"}, ["conntrack", "debootstrap"]),
            ("lab", {"iptables-restore"}, ["iptables"]),
            ("lab", {"/usr/lib/*/libseccomp.so.2"}, []),
            ("lab", {"/usr/lib/*/libseccomp.so.2", "/lib/*/libseccomp.so.2"}, ["libseccomp2"]),
            ("lab", {"kcat", "javac"}, []),
            ("tests", {"kcat", "javac"}, ["kcat", "openjdk-17-jdk-headless"]),
            ("pulumi", {"ip", "kcat"}, []),
            ("pulumi", {"/etc/ssl/certs/ca-certificates.crt"}, ["ca-certificates"]),
        ],
    )
    def test_plan(self, group: str, gone: set[str], expected: list[str]) -> None:
        found = packages.missing(group, lambda probe: probe in EVERYTHING - gone)
        assert [package.names[0] for package in found] == expected


class TestRefusal:
    def test_nothing_missing_is_fine_anywhere(self) -> None:
        debian.refuse([], "lab", root=False, apt=False)

    def test_root_on_debian_may_install(self) -> None:
        debian.refuse(["iproute2"], "lab", root=True, apt=True)

    @pytest.mark.parametrize(
        ("missing", "group", "root", "apt", "message"),
        [
            (
                ["iproute2", "conntrack"],
                "lab",
                False,
                True,
                "iproute2, conntrack are missing and only root may install packages: run `apt-get install iproute2 "
                "conntrack` as root, or name a running cluster in KUBE_CONTEXT.",
            ),
            (
                ["kcat"],
                "tests",
                False,
                True,
                "kcat is missing and only root may install packages: run `apt-get install kcat` as root.",
            ),
            (
                ["iproute2"],
                "lab",
                True,
                False,
                "iproute2 is missing and this system has no apt-get: install its equivalent, or name a running "
                "cluster in KUBE_CONTEXT.",
            ),
            (
                ["kcat", "openjdk-17-jdk-headless"],
                "tests",
                False,
                False,
                "kcat, openjdk-17-jdk-headless are missing and this system has no apt-get: install their equivalents.",
            ),
        ],
    )
    def test_message(self, missing: list[str], group: str, root: bool, apt: bool, message: str) -> None:
        with pytest.raises(Unsuitable) as raised:
            debian.refuse(missing, group, root=root, apt=apt)
        assert str(raised.value) == message

    def test_unpacking_needs_debian(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        containerd = next(package for package in UNPACKED if package.name == "containerd")
        with pytest.raises(Unsuitable) as raised:
            debian.Debian(Processes()).unpack(containerd, tmp_path / "entry")
        assert str(raised.value) == (
            "containerd is taken from Debian's packages and this system has no apt-get: "
            "use Debian or Ubuntu, or name a running cluster in KUBE_CONTEXT."
        )

    def test_it_is_refused_before_anything_is_built(
        self, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(Unsuitable):
            ensure(["lab"])
        assert not cache.exists()


class TestIndex:
    """With stand-ins for apt: it knows a package only once its index was refreshed."""

    @pytest.fixture
    def log(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        (tmp_path / "bin").mkdir()
        scripts = {
            "apt-get": 'while [ "$1" = -o ]; do shift 2; done; echo "$*" >> $LOG\n'
            "case $1 in update) touch $FRESH;; *) [ -e $FRESH ] || { echo Unable to locate package; exit 100; };; esac",
            "apt-cache": '[ -e $FRESH ] && [ "$2" != kcat ] && echo "  Candidate: 1.0"; exit 0',
        }
        for name, text in scripts.items():
            (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
            (tmp_path / "bin" / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
        monkeypatch.setenv("FRESH", str(tmp_path / "fresh"))
        monkeypatch.setenv("LOG", str(tmp_path / "log"))
        return tmp_path / "log"

    def wanted(self, name: str) -> packages.Installed:
        return next(package for package in INSTALLED if package.names[0] == name)

    @pytest.mark.parametrize("fresh", [True, False])
    def test_it_is_refreshed_once_and_only_if_need_be(
        self, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: bool
    ) -> None:
        monkeypatch.setattr("os.geteuid", lambda: 0)
        if fresh:
            (tmp_path / "fresh").touch()
        debian.Debian(Processes()).install([self.wanted("iproute2"), self.wanted("conntrack")])
        install = "install --yes --no-install-recommends iproute2 conntrack"
        assert log.read_text().splitlines() == ([install] if fresh else ["update", install])

    def test_another_releases_name_is_taken(self, log: Path, tmp_path: Path) -> None:
        (tmp_path / "fresh").touch()
        debian.Debian(Processes()).install([self.wanted("kcat")])
        assert log.read_text().splitlines() == ["install --yes --no-install-recommends kafkacat"]

    def test_a_package_that_is_not_found_after_that_is_an_error(
        self, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("os.geteuid", lambda: 0)
        monkeypatch.setenv("FRESH", str(tmp_path / "no-such-directory" / "fresh"))
        with pytest.raises(Failed, match="cannot touch"):
            debian.Debian(Processes()).install([self.wanted("iproute2")])
        assert log.read_text().splitlines() == ["update"]


class TestPlan:
    def test_an_empty_cache_needs_every_build_of_the_group(self) -> None:
        plan = Plan.of(["lab"])
        assert [build.name for build in plan.builds] == [build.name for build in BUILDS if build.group == "lab"]
        assert list(plan.unpack) == [package for package in UNPACKED if package.group == "lab"]

    def test_what_is_there_is_left_out(self) -> None:
        for build in BUILDS:
            if build.name != "coredns":
                build.entry.path.mkdir(parents=True)
        plan = Plan.of(["pulumi", "lab"])
        assert [build.name for build in plan.builds] == ["coredns"]
        assert "kubernetes" in plan.present

    def test_an_unknown_group_is_named(self) -> None:
        with pytest.raises(ValueError, match=r"^there is no group 'labs': choose from pulumi, lab, tests, bench\.$"):
            Plan.of(["pulumi", "labs"])

    def test_with_everything_there_nothing_is_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for build in BUILDS:
            build.entry.path.mkdir(parents=True)
        monkeypatch.setattr(subprocess, "Popen", None)
        news: list[Progress] = []
        ensure(["pulumi"], news.append)
        assert {one.step for one in news} == {build.name for build in BUILDS if build.group == "pulumi"}
        assert {one.state for one in news} == {State.PRESENT}


class TestProcesses:
    def test_output_and_lines_are_kept_apart(self) -> None:
        lines: list[str] = []
        said = Processes().output(["sh", "-c", "echo out; echo err >&2"], line=lines.append)
        assert (said, lines) == ("out\n", ["err"])

    def test_failure_says_what_the_program_said(self) -> None:
        with pytest.raises(Failed) as raised:
            Processes().run(["sh", "-c", "echo no such module; exit 3"])
        assert str(raised.value) == "`sh -c echo no such module; exit 3 …` ended with code 3:\n  no such module"

    def test_a_program_that_is_not_there(self) -> None:
        with pytest.raises(Failed, match=r"^no-such-program can't be run: No such file or directory\.$"):
            Processes().run(["no-such-program"])

    def test_stop_ends_a_program_with_its_children(self) -> None:
        processes, started = Processes(), threading.Event()
        raised: list[BaseException] = []
        children: list[str] = []

        def line(text: str) -> None:
            children.append(text)
            started.set()

        def run() -> None:
            try:
                processes.run(["sh", "-c", "sleep 600 & echo $!; wait"], line=line)
            except Stopped as error:
                raised.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        assert started.wait(20)
        processes.stop()
        thread.join(20)
        assert raised
        assert gone(int(children[0]))
        with pytest.raises(Stopped):
            processes.run(["true"])


def gone(pid: int) -> bool:
    """Whether a process has ended; a zombie that nobody has reaped yet has."""
    for _ in range(200):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False


class TestCommand:
    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "toolchain", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parents[2],
        )

    def test_a_missing_program(self) -> None:
        done = self.run("path", "kubelet")
        assert (done.returncode, done.stdout, done.stderr) == (
            3,
            "",
            "kubelet is not in the cache: run `python -m toolchain ensure lab`.\n",
        )

    def test_wrong_use(self) -> None:
        done = self.run("ensure", "lap")
        assert done.returncode == 2
        assert done.stderr.endswith("error: there is no group 'lap': choose from pulumi, lab, tests, bench.\n")

    def test_status_of_an_empty_cache(self, cache: Path) -> None:
        done = self.run("status", "--json")
        assert done.returncode == 3
        assert '"present": false' in done.stdout
        assert not (cache / "programs").exists()

    def test_a_machine_that_cannot(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        before = signal.getsignal(signal.SIGTERM)
        try:
            assert main(["ensure", "lab"]) == 4
        finally:
            signal.signal(signal.SIGTERM, before)
        assert "this system has no apt-get" in capsys.readouterr().err


class TestDisplay:
    def test_without_a_terminal_each_step_is_a_line(self) -> None:
        written = io.StringIO()
        with display(Console(file=written)) as report:
            report(Progress("runc", State.PRESENT))
            report(Progress("coredns", State.WAITING))
            report(Progress("coredns", State.WAITING, "a free processor"))
            report(Progress("coredns", State.RUNNING, "net/http", 1, 780))
            report(Progress("coredns", State.RUNNING, "[brackets]", 2, 780))
            report(Progress("coredns", State.FAILED))
        assert written.getvalue() == (
            "runc: there\ncoredns: waiting for a free processor\ncoredns: started\ncoredns: failed after 0 s\n"
        )

    def test_on_a_terminal_brackets_are_no_markup(self) -> None:
        written = io.StringIO()
        with display(Console(file=written, force_terminal=True, width=120)) as report:
            report(Progress("coredns", State.RUNNING, "[/brackets]", 2, 780))
            report(Progress("coredns", State.DONE))
        assert "coredns" in written.getvalue()
