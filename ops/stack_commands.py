"""Commands on a stack that is up, or on its configuration alone: what they print, and the exit code they end in."""

import argparse
import sys

from ops.exit_code import ExitCode
from ops.failure import Failure
from ops.printing import console, print_document
from ops.workspace import DEV, Workspace


def workspace_of(options: argparse.Namespace) -> Workspace:
    """Return the stack that is named."""
    return Workspace(options.root, options.stack)


def status(options: argparse.Namespace) -> int:
    """Show brokers, zones, topics, health; raises Failure with ``--check`` unless every replica is in sync."""
    from ops import status as states
    from ops.engine import open_engine
    from ops.target import lab_line

    workspace = workspace_of(options)
    document = states.collect(open_engine(workspace))
    if options.json:
        print_document(document)
    else:
        states.show(document, console(), lab_line(workspace))
    if options.check:
        states.check(document)
    return 0


def smoke(options: argparse.Namespace) -> int:
    """Produce and consume through the secured listener."""
    from ops.engine import open_engine
    from ops.outputs import read_outputs
    from ops.smoke import LIVE, Route
    from ops.smoke import smoke as send

    route = Route() if options.stack == DEV else LIVE
    result = send(read_outputs(open_engine(workspace_of(options))), route)
    if options.json:
        print_document(result.document())
    else:
        console().print(
            f"{result.records} records through {result.topic}, each once; first acknowledged after "
            f"{result.first_ack_seconds:.2f} s; plaintext refused by {len(result.plaintext_refused)} addresses",
            soft_wrap=True,
        )
    return 0


def probe(options: argparse.Namespace) -> int:
    """Put an object where the stack's backups go and get it back; raises Failure for no such place, or its refusal."""
    from ops.engine import open_engine
    from ops.outputs import read_outputs
    from ops.probe import open_store
    from ops.probe import probe as there_and_back
    from ops.spec import platform_of

    workspace = workspace_of(options)
    spec = platform_of(workspace).backup
    if spec is None:
        raise Failure(
            f"stack {workspace.stack} keeps no backups", f"add a backup section to {workspace.config_file.name}"
        )
    # Only a bucket of the platform's own has a key, which the stack knows when it is up.
    key_arn = read_outputs(open_engine(workspace)).backup_key_arn if spec.s3 is not None else ""
    with open_store(spec, key_arn) as store:
        size = there_and_back(store, spec.prefix)
    if options.json:
        print_document({"location": spec.location, "bytes": size})
    else:
        console().print(
            f"{size} bytes went to {spec.location}, came back as they were, and are deleted", soft_wrap=True
        )
    return 0


def cost(options: argparse.Namespace) -> int:
    """Show what the stack costs a month."""
    from cost.estimate import Assumptions
    from ops.cost import cost as price
    from ops.cost import show

    found = price(
        workspace_of(options),
        Assumptions(follower_fetching=options.follower_fetching, outside_share=options.outside),
    )
    if options.json:
        print_document(found.model_dump(mode="json"))
    else:
        show(found, console())
    return 0


def report(options: argparse.Namespace) -> int:
    """Write a preview, or what it failed with, as a pull request's comment."""
    from ops.comment import marker
    from ops.comment_files import read_comment, read_failure
    from ops.pull_request import post

    if options.failed:
        body = read_failure(workspace_of(options), options.failed)
    else:
        body = read_comment(workspace_of(options), options.source, options.cost_before)
    url = post(body, options.stack, options.post) if options.post else None
    if options.json:
        print_document({"stack": options.stack, "marker": marker(options.stack), "body": body, "url": url})
    elif url is not None:
        sys.stdout.write(f"{url}\n")
    else:
        sys.stdout.write(body)
    return 0


def client(options: argparse.Namespace) -> int:
    """Write a service's client configuration."""
    from ops.client import write_client
    from ops.engine import open_engine
    from ops.outputs import read_outputs

    written = write_client(read_outputs(open_engine(workspace_of(options))), options.service, options.out)
    if options.json:
        print_document({"service": options.service, "files": [str(path) for path in written]})
    else:
        for path in written:
            console().print(str(path), soft_wrap=True, markup=False)
    return 0


def advise(options: argparse.Namespace) -> int:
    """Watch the stack, then advise on its sizes; exit code CHANGES when there is advice."""
    from ops.advise import observe, show
    from ops.engine import open_engine
    from ops.progress import Reporter

    seen = observe(open_engine(workspace_of(options)), Reporter(), options.window)
    if options.json:
        print_document(seen.document())
    else:
        show(seen, console())
    return ExitCode.CHANGES if seen.findings.advice else ExitCode.DONE
