"""``python -m ops``: the operator's command line. Its exit codes are those of ops/exit_code.py."""

import argparse
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from rich.console import Console

from ops import engine_commands
from ops.exit_code import ExitCode
from ops.failure import Failure, InterruptedFailure, UsageFailure
from ops.grammar import Grammar, positive
from ops.workspace import DEV, Workspace

if TYPE_CHECKING:
    from ops.event_file import EventFile

ROOT = Path(__file__).resolve().parents[1]
PREVIEWED = "prod"
"""The stack whose previews are measured, unless another is named."""

Run = Callable[[argparse.Namespace], int]


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    top = Grammar(prog="python -m ops", description="Operate the platform.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str, run: Run, *, default_stack: bool = True) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        if default_stack:
            command.add_argument("--stack", default=DEV, help="dev unless said otherwise")
        else:
            command.add_argument("--stack", required=True, help="there is no default: name it")
        command.add_argument("--json", action="store_true", help="print one JSON document")
        command.add_argument("--debug", action="store_true", help="show where an error comes from")
        command.set_defaults(run=run, root=ROOT, events=None, sink=None)
        return command

    def add_engine(name: str, text: str, run: Run, *, detailed: bool = False, default_stack: bool = True) -> None:
        command = add(name, text, run, default_stack=default_stack)
        command.add_argument("--events", type=Path, metavar="FILE", help="write events, a JSON object a line")
        if detailed:
            command.add_argument("--detailed-exitcode", action="store_true", help="exit with 2 when something changed")

    add_engine("up", "bring the stack up, with everything it needs", engine_commands.up, detailed=True)
    add_engine("down", "remove everything that `up` made", engine_commands.down)
    add_engine("preview", "what `up` would change: exit code 2 if anything", engine_commands.preview)
    add_engine("drift", "what exists and isn't as the state says: exit code 3 if anything", engine_commands.drift)
    add_engine("refresh", "take what exists into the state", engine_commands.refresh, detailed=True)
    text = "delete what the stack made; its state, configuration and lab stay"
    add_engine("destroy", text, engine_commands.destroy, detailed=True, default_stack=False)
    status = add("status", "brokers, zones, topics, health", _status)
    status.add_argument("--check", action="store_true", help="exit with 1 unless every replica is in sync")
    add("smoke", "produce and consume through the secured listener", _smoke)
    cost = add("cost", "what the stack costs a month", _cost)
    cost.add_argument("--follower-fetching", action="store_true", help="consumers fetch in their zone (client.rack)")
    cost.add_argument(
        "--outside", type=float, default=0.0, metavar="SHARE", help="share of traffic through load balancers, 0 to 1"
    )
    report = add("report", "a preview as a comment on a pull request", _report)
    told = report.add_mutually_exclusive_group()
    told.add_argument("--from", dest="source", type=Path, metavar="FILE", help="preview's JSON; else standard input")
    told.add_argument("--failed", type=Path, metavar="FILE", help="instead of a preview, what it failed with")
    report.add_argument("--post", type=positive, metavar="N", help="write it to pull request N, over the last one")
    report.add_argument("--cost-before", type=Path, metavar="FILE", help="cost's JSON of the branch it is merged into")
    client = add("client", "write a service's client configuration", _client)
    client.add_argument("service", metavar="SERVICE")
    client.add_argument("--out", required=True, type=Path, metavar="DIR", help="directory to write to")
    text = "throughput and latency of the running stack, or how fast topics, schemas or previews are made"
    bench = add("bench", text, _bench)
    kinds = ("load", "topics", "subjects", "preview")
    bench.add_argument("what", nargs="?", choices=kinds, default="load", help="load unless said otherwise")
    bench.set_defaults(stack=None)
    bench.add_argument("--quick", action="store_true", help="one run of each scenario, a short one if it is load")
    load = bench.add_argument_group("load")
    load.add_argument("--compare", action="store_true", help="beside bare brokers, in plaintext and with TLS")
    topics = bench.add_argument_group("topics: `pulumi up` beside `terraform apply`")
    topics.add_argument("--topics", type=positive, default=250, metavar="N", help="how many, 250 unless said otherwise")
    topics.add_argument(
        "--parallel", type=positive, nargs="+", default=[16, 64], metavar="N", help="operations at a time, 16 and 64"
    )
    subjects = bench.add_argument_group("subjects: schemas by `pulumi up` beside curl")
    subjects.add_argument("--subjects", type=positive, default=100, metavar="N", help="how many, 100 unless said")
    previews = bench.add_argument_group("preview: of prod unless said otherwise, with topics and ACLs beside its own")
    previews.add_argument("--sizes", nargs="+", metavar="TOPICS:ACLS", help="0:0 to 1000:5000 unless said otherwise")
    previews.add_argument("--plot", type=Path, metavar="FILE", help="draw it as SVG")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = parser().parse_args(arguments)
    if options.stack is None:
        options.stack = PREVIEWED if options.what == "preview" else DEV
    Workspace(ROOT, options.stack).adopt_environment(os.environ)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        options.sink = _sink(options)
        code, problem = _outcome(options)
    except Failure as error:
        problem, code = explain(error)
    if problem:
        _print_problem(f"error: {problem}", "red")
    if options.sink:
        options.sink.end(code, problem)
        if options.sink.problem:
            _print_problem(f"warning: events are missing from {options.events} ({options.sink.problem})", "yellow")
    return code


def _sink(options: argparse.Namespace) -> "EventFile | None":
    from ops.event_file import EventFile

    return EventFile(options.events, options.command, options.stack) if options.events else None


def _outcome(options: argparse.Namespace) -> tuple[int, str]:
    """Run the command; return its exit code and what is to be said of its failure."""
    try:
        return options.run(options), ""
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED, "interrupted; the same command goes on from here"
    except Exception as error:
        if options.debug:
            raise
        problem, code = explain(error)
        return code, problem


def explain(error: Exception) -> tuple[str, int]:
    """Return what to say about an error, and the exit code."""
    from config.errors import ConfigError
    from config.target import TargetError
    from lab.errors import Cancelled, LabError
    from toolchain.cache import Missing
    from toolchain.process import Failed, Unsuitable

    match error:
        case UsageFailure():
            return str(error), ExitCode.USAGE
        case Cancelled() | InterruptedFailure():
            return str(error), ExitCode.INTERRUPTED
        case Failure() | ConfigError() | TargetError() | LabError() | Failed() | Unsuitable() | Missing():
            return str(error), ExitCode.FAILED
        case _:
            return (
                f"unexpected {type(error).__name__}: {error}; run it again with --debug to see where",
                ExitCode.FAILED,
            )


def _print_problem(text: str, style: str) -> None:
    Console(stderr=True, highlight=False).print(text, style=style, markup=False, soft_wrap=True)


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _print(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def _console() -> Console:
    return Console(highlight=False)


def _workspace(options: argparse.Namespace) -> Workspace:
    return Workspace(ROOT, options.stack)


def _status(options: argparse.Namespace) -> int:
    from ops import status
    from ops.engine import open_engine
    from ops.target import lab_line

    workspace = _workspace(options)
    document = status.collect(open_engine(workspace))
    if options.json:
        _print(document)
    else:
        status.show(document, _console(), lab_line(workspace))
    if options.check:
        status.check(document)
    return 0


def _smoke(options: argparse.Namespace) -> int:
    from ops.engine import open_engine
    from ops.outputs import read_outputs
    from ops.smoke import LIVE, Route, smoke

    route = Route() if options.stack == DEV else LIVE
    result = smoke(read_outputs(open_engine(_workspace(options))), route)
    if options.json:
        _print(result.document())
    else:
        _console().print(
            f"{result.records} records through {result.topic}, each once; first acknowledged after "
            f"{result.first_ack_seconds:.2f} s; plaintext refused by {len(result.plaintext_refused)} addresses",
            soft_wrap=True,
        )
    return 0


def _cost(options: argparse.Namespace) -> int:
    from cost.estimate import Assumptions
    from ops.cost import cost, show

    found = cost(
        _workspace(options),
        Assumptions(follower_fetching=options.follower_fetching, outside_share=options.outside),
    )
    if options.json:
        _print(found.model_dump(mode="json"))
    else:
        show(found, _console())
    return 0


def _report(options: argparse.Namespace) -> int:
    from ops.comment import marker
    from ops.comment_files import read_comment, read_failure
    from ops.pull_request import post

    if options.failed:
        body = read_failure(_workspace(options), options.failed)
    else:
        body = read_comment(_workspace(options), options.source, options.cost_before)
    url = post(body, options.stack, options.post) if options.post else None
    if options.json:
        _print({"stack": options.stack, "marker": marker(options.stack), "body": body, "url": url})
    elif url is not None:
        sys.stdout.write(f"{url}\n")
    else:
        sys.stdout.write(body)
    return 0


def _client(options: argparse.Namespace) -> int:
    from ops.client import write_client
    from ops.engine import open_engine
    from ops.outputs import read_outputs

    written = write_client(read_outputs(open_engine(_workspace(options))), options.service, options.out)
    if options.json:
        _print({"service": options.service, "files": [str(path) for path in written]})
    else:
        for path in written:
            _console().print(str(path), soft_wrap=True, markup=False)
    return 0


def _bench(options: argparse.Namespace) -> int:
    if options.what == "topics":
        return _bench_topics(options)
    if options.what == "subjects":
        return _bench_subjects(options)
    if options.what == "preview":
        return _bench_preview(options)
    from ops import bench
    from ops.engine import open_engine
    from ops.outputs import read_outputs
    from ops.progress import Reporter

    workspace, reporter = _workspace(options), Reporter()
    outputs = read_outputs(open_engine(workspace))
    with contextlib.ExitStack() as running:
        clusters = [bench.platform(outputs)]
        if options.compare:
            from ops.bench_comparison import compared

            clusters = running.enter_context(compared(workspace, outputs, reporter))
        document = bench.run(clusters, reporter, replicas=bench.replicas(outputs), quick=options.quick)
    if options.json:
        _print(document)
    else:
        bench.show(document, _console())
    return 0


def _bench_topics(options: argparse.Namespace) -> int:
    from ops import bench_topics
    from ops.engine import open_engine
    from ops.outputs import read_outputs
    from ops.progress import Reporter

    engine = open_engine(_workspace(options))
    plan = bench_topics.Plan(topics=options.topics, parallel=tuple(options.parallel), runs=1 if options.quick else 3)
    document = bench_topics.run(engine, read_outputs(engine), plan, Reporter())
    if options.json:
        _print(document)
    else:
        bench_topics.show(document, _console())
    return 0


def _bench_subjects(options: argparse.Namespace) -> int:
    from ops import bench_subjects
    from ops.engine import open_engine
    from ops.outputs import read_outputs
    from ops.progress import Reporter

    workspace, runs = _workspace(options), 1 if options.quick else 3
    outputs = read_outputs(open_engine(workspace))
    document = bench_subjects.run(workspace, outputs, Reporter(), count=options.subjects, runs=runs)
    if options.json:
        _print(document)
    else:
        bench_subjects.show(document, _console())
    return 0


def _bench_preview(options: argparse.Namespace) -> int:
    from ops import bench_preview
    from ops.generated_catalogue import read_size
    from ops.preview_plot import plot
    from ops.progress import Reporter

    sizes = tuple(map(read_size, options.sizes)) if options.sizes else bench_preview.SIZES
    plan = bench_preview.Plan(sizes=sizes, runs=1 if options.quick else 3)
    document = bench_preview.run(_workspace(options), plan, Reporter())
    if options.plot:
        options.plot.write_text(plot(document))
    if options.json:
        _print(document)
    else:
        bench_preview.show(document, _console())
    return 0


if __name__ == "__main__":
    sys.exit(main())
