"""The lab's command line: ``python -m lab start|stop|status|cut-zone|heal-zone|kill-broker|logs``.

Exit codes: 0 done or healthy, 1 failed or unhealthy, 2 wrong usage, 3 not running, 130 interrupted.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from lab import cluster, faults
from lab.errors import Cancelled, LabError
from lab.paths import layout
from lab.plan import Machine
from lab.process import Processes
from lab.status import Status

EXIT: Final = {"healthy": 0, "unhealthy": 1, "stopped": 3}

_console = Console(highlight=False)
_errors = Console(stderr=True, highlight=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        return command(options)
    except Cancelled as cancelled:
        _errors.print(str(cancelled), style="yellow", markup=False, soft_wrap=True)
        return 130
    except LabError as error:
        _errors.print(str(error), style="red", markup=False, soft_wrap=True)
        return 1
    except PermissionError as error:
        _errors.print(f"{error.filename} can't be used: run as root", style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab", description="A three-zone Kubernetes on this machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=command)
        return sub

    start = add("start", _start, "bring the lab up, or what is missing of it")
    start.add_argument(
        "--machines", type=Path, metavar="FILE", help="YAML or JSON with the machines, in place of one in each zone"
    )
    stop = add("stop", _stop, "end the lab and remove everything it made")
    stop.add_argument(
        "--keep-data", action="store_true", help="keep the cluster's state and volumes for the next start"
    )
    status = add("status", _status, "processes, zones, memory and processor use")
    status.add_argument("--json", action="store_true", help="print one JSON document")
    for name, command, text in (
        ("cut-zone", _cut, "take a zone's network away"),
        ("heal-zone", _heal, "give it back"),
    ):
        add(name, command, text).add_argument("zone")
    add("kill-broker", _kill, "kill the Java process of a Kafka pod").add_argument("pod")
    logs = add("logs", _logs, "print a process's log; without a name, list them")
    logs.add_argument("name", nargs="?")
    return parser


def _reporter() -> Callable[[str], None]:
    begin = time.monotonic()

    def report(line: str) -> None:
        _console.print(f"[dim]{time.monotonic() - begin:6.1f} s[/]  ", end="")
        _console.print(line, markup=False, soft_wrap=True)

    return report


def _start(options: argparse.Namespace) -> int:
    report = _reporter()
    cluster.start(report, None if options.machines is None else _machines(options.machines))
    report(f"kubeconfig: {layout().kubeconfig}")
    return 0


def _machines(file: Path) -> tuple[Machine, ...]:
    # Reading it takes pydantic, which no other command needs.
    from lab.machine_file import read

    return read(file)


def _stop(options: argparse.Namespace) -> int:
    report = _reporter()
    cluster.stop(report, keep_data=options.keep_data)
    report("stopped; its data is kept" if options.keep_data else "stopped; nothing is left")
    return 0


def _status(options: argparse.Namespace) -> int:
    status = cluster.status(sample=1.0)
    if options.json:
        sys.stdout.write(json.dumps(asdict(status), indent=2) + "\n")
    else:
        _show(status)
    return EXIT[status.state]


def _show(status: Status) -> None:
    if status.state == "stopped":
        _console.print("The lab is not running; start it with `make up` or `python -m lab start`.", markup=False)
        return
    machines = Table("zone", "node", "ready", "link", title="machines")
    for each in status.machines:
        machines.add_row(
            each.zone, each.name, _mark(each.ready, "yes", "no"), _mark(each.link == "up", each.link, each.link)
        )
    processes = Table("process", "state", "pid", title="processes")
    for process in status.processes:
        processes.add_row(process.name, _mark(process.running, "running", "ended"), str(process.pid or ""))
    _console.print(processes, machines)
    used = "" if status.cpu_cores is None else f", {status.cpu_cores:.2f} cores"
    _console.print(f"{status.state}; {status.memory_bytes / 2**30:.2f} GiB{used}", markup=False)
    for phrase in status.wrong:
        _console.print(f"- {phrase}", markup=False)


def _mark(good: bool, yes: str, no: str) -> str:
    return f"[green]{yes}[/]" if good else f"[red]{no}[/]"


def _cut(options: argparse.Namespace) -> int:
    faults.cut_zone(options.zone)
    _console.print(f"{options.zone} is cut off; heal it with `python -m lab heal-zone {options.zone}`", markup=False)
    return 0


def _heal(options: argparse.Namespace) -> int:
    faults.heal_zone(options.zone)
    _console.print(f"{options.zone} is connected", markup=False)
    return 0


def _kill(options: argparse.Namespace) -> int:
    _console.print(f"killed process {faults.kill_broker(options.pod)} of {options.pod}", markup=False)
    return 0


def _logs(options: argparse.Namespace) -> int:
    processes = Processes(layout())
    names = processes.names()
    if options.name is None:
        for name in names:
            _console.print(name, markup=False)
        return 0 if names else EXIT["stopped"]
    if options.name not in names:
        known = ", ".join(names) or "none, the lab is not running"
        raise LabError(f"there is no log of {options.name!r}; there are: {known}")
    with processes.log(options.name).open(errors="replace") as log:
        for line in log:
            sys.stdout.write(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
