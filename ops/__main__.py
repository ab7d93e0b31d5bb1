"""``python -m ops``: the operator's command line. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""

import argparse
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from ops.failure import Failure, InterruptedFailure, UsageFailure
from ops.workspace import DEV, Workspace

ROOT = Path(__file__).resolve().parents[1]


def parser() -> argparse.ArgumentParser:
    """Return the command line's grammar."""
    top = argparse.ArgumentParser(prog="python -m ops", description="Operate the platform.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--stack", default=DEV, help="dev unless said otherwise")
        command.add_argument("--json", action="store_true", help="print one JSON document")
        command.add_argument("--debug", action="store_true", help="show where an error comes from")
        command.set_defaults(run=run)
        return command

    add("up", "bring the stack up, with everything it needs", _up)
    add("down", "remove everything that `up` made", _down)
    add("preview", "what `up` would change", _preview)
    add("status", "brokers, zones, topics, health", _status)
    add("smoke", "produce and consume through the secured listener", _smoke)
    cost = add("cost", "what the stack costs a month", _cost)
    cost.add_argument("--follower-fetching", action="store_true", help="consumers fetch in their zone (client.rack)")
    cost.add_argument(
        "--outside", type=float, default=0.0, metavar="SHARE", help="share of traffic through load balancers, 0 to 1"
    )
    report = add("report", "a preview as a comment on a pull request", _report)
    report.add_argument("--from", dest="source", type=Path, metavar="FILE", help="preview's JSON; else standard input")
    report.add_argument("--cost-before", type=Path, metavar="FILE", help="cost's JSON of the branch it is merged into")
    client = add("client", "write a service's client configuration", _client)
    client.add_argument("service", metavar="SERVICE")
    client.add_argument("--out", required=True, type=Path, metavar="DIR", help="directory to write to")
    bench = add("bench", "throughput and latency of the running stack, or how fast many topics are made", _bench)
    bench.add_argument("what", nargs="?", choices=("load", "topics"), default="load", help="load unless said otherwise")
    bench.add_argument("--quick", action="store_true", help="one run of each scenario, a short one if it is load")
    load = bench.add_argument_group("load")
    load.add_argument("--compare", action="store_true", help="beside bare brokers, in plaintext and with TLS")
    topics = bench.add_argument_group("topics: `pulumi up` beside `terraform apply`")
    topics.add_argument(
        "--topics", type=_positive, default=250, metavar="N", help="how many, 250 unless said otherwise"
    )
    topics.add_argument(
        "--parallel", type=_positive, nargs="+", default=[16, 64], metavar="N", help="operations at a time, 16 and 64"
    )
    return top


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = parser().parse_args(arguments)
    Workspace(ROOT, options.stack).adopt_environment(os.environ)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code: int = options.run(options)
        return code
    except KeyboardInterrupt:
        return _fail("interrupted; the same command goes on from here", 130)
    except Exception as error:
        if options.debug:
            raise
        return _fail(*explain(error))


def explain(error: Exception) -> tuple[str, int]:
    """Return what to say about an error, and the exit code."""
    from config.errors import ConfigError
    from config.target import TargetError
    from lab.errors import Cancelled, LabError
    from toolchain.cache import Missing
    from toolchain.process import Failed, Unsuitable

    match error:
        case UsageFailure():
            return str(error), 2
        case Cancelled() | InterruptedFailure():
            return str(error), 130
        case Failure() | ConfigError() | TargetError() | LabError() | Failed() | Unsuitable() | Missing():
            return str(error), 1
        case _:
            return f"unexpected {type(error).__name__}: {error}; run it again with --debug to see where", 1


def _fail(text: str, code: int) -> int:
    Console(stderr=True, highlight=False).print(f"error: {text}", style="red", markup=False, soft_wrap=True)
    return code


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _print(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def _console() -> Console:
    return Console(highlight=False)


def _workspace(options: argparse.Namespace) -> Workspace:
    return Workspace(ROOT, options.stack)


def _up(options: argparse.Namespace) -> int:
    from ops.progress import Reporter
    from ops.report import show_up
    from ops.up import up

    result = up(_workspace(options), Reporter())
    if options.json:
        _print(result.document())
    else:
        show_up(result, _console())
    return 0


def _down(options: argparse.Namespace) -> int:
    from ops.down import down
    from ops.progress import Reporter

    document = down(_workspace(options), Reporter())
    if options.json:
        _print(document)
    else:
        _console().print(f"stack {options.stack} is down, nothing of it is left", markup=False)
    return 0


def _preview(options: argparse.Namespace) -> int:
    from ops.preview import preview, show
    from ops.progress import Reporter

    document = preview(_workspace(options), Reporter())
    if options.json:
        _print(document)
    else:
        show(document, _console())
    return 0


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
    return 0


def _smoke(options: argparse.Namespace) -> int:
    from ops.engine import open_engine
    from ops.outputs import read_outputs
    from ops.smoke import smoke

    result = smoke(read_outputs(open_engine(_workspace(options))))
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
    from ops.comment_files import read_comment

    body = read_comment(_workspace(options), options.source, options.cost_before)
    if options.json:
        _print({"stack": options.stack, "marker": marker(options.stack), "body": body})
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


if __name__ == "__main__":
    sys.exit(main())
