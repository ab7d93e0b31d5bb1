"""The grammar of ``python -m ops``."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from ops import bench_commands, engine_commands, stack_commands
from ops.grammar import Grammar, positive, window
from ops.workspace import DEV

PREVIEWED: Final = "prod"
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
        command.set_defaults(run=run, events=None, sink=None)
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
    status = add("status", "brokers, zones, topics, health", stack_commands.status)
    status.add_argument("--check", action="store_true", help="exit with 1 unless every replica is in sync")
    add("smoke", "produce and consume through the secured listener", stack_commands.smoke)
    add("probe", "whether an object goes to where backups are kept, and comes back", stack_commands.probe)
    cost = add("cost", "what the stack costs a month", stack_commands.cost)
    cost.add_argument("--follower-fetching", action="store_true", help="consumers fetch in their zone (client.rack)")
    cost.add_argument(
        "--outside", type=float, default=0.0, metavar="SHARE", help="share of traffic through load balancers, 0 to 1"
    )
    report = add("report", "a preview as a comment on a pull request", stack_commands.report)
    told = report.add_mutually_exclusive_group()
    told.add_argument("--from", dest="source", type=Path, metavar="FILE", help="preview's JSON; else standard input")
    told.add_argument("--failed", type=Path, metavar="FILE", help="instead of a preview, what it failed with")
    report.add_argument("--post", type=positive, metavar="N", help="write it to pull request N, over the last one")
    report.add_argument("--cost-before", type=Path, metavar="FILE", help="cost's JSON of the branch it is merged into")
    text = "what of the running stack is too small or too large: exit code 2 if anything"
    advise = add("advise", text, stack_commands.advise)
    advise.add_argument(
        "--window", type=window, default="60s", metavar="TIME", help="how long to watch, 60s unless said"
    )
    client = add("client", "write a service's client configuration", stack_commands.client)
    client.add_argument("service", metavar="SERVICE")
    client.add_argument("--out", required=True, type=Path, metavar="DIR", help="directory to write to")
    _add_bench(add)
    return top


def _add_bench(add: Callable[[str, str, Run], argparse.ArgumentParser]) -> None:
    text = "throughput and latency of the running stack, or how fast topics, schemas, previews, outboxes, lakes are"
    bench = add("bench", text, bench_commands.bench)
    kinds = ("load", "topics", "subjects", "outbox", "sink", "preview")
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
    flows = bench.add_argument_group("outbox, sink: through Kafka Connect, beside a worker set up by hand; for the lab")
    flows.add_argument(
        "--rows", type=positive, metavar="N", help="how many, 20000 (outbox) or 100000 (sink) unless said"
    )
    previews = bench.add_argument_group("preview: of prod unless said otherwise, with topics and ACLs beside its own")
    previews.add_argument("--sizes", nargs="+", metavar="TOPICS:ACLS", help="0:0 to 1000:5000 unless said otherwise")
    previews.add_argument("--plot", type=Path, metavar="FILE", help="draw it as SVG")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read a command line, with the stack that is meant where none is named; wrong usage ends the process."""
    options = parser().parse_args(arguments)
    if options.stack is None:
        options.stack = PREVIEWED if options.what == "preview" else DEV
    return options
