"""``ops bench``: which measurement is asked for, and what it prints."""

import argparse
import contextlib

from ops.failure import Failure
from ops.printing import console, print_document
from ops.stack_commands import workspace_of


def bench(options: argparse.Namespace) -> int:
    """Measure what is asked for."""
    if options.what == "topics":
        return _topics(options)
    if options.what == "subjects":
        return _subjects(options)
    if options.what in ("outbox", "sink"):
        return _flow(options)
    if options.what == "preview":
        return _preview(options)
    from ops import bench as load
    from ops.engine import open_engine
    from ops.outputs import read_outputs
    from ops.progress import Reporter

    workspace, reporter = workspace_of(options), Reporter()
    outputs = read_outputs(open_engine(workspace))
    with contextlib.ExitStack() as running:
        clusters = [load.platform(outputs)]
        if options.compare:
            from ops.bench_comparison import compared

            clusters = running.enter_context(compared(workspace, outputs, reporter))
        document = load.run(clusters, reporter, replicas=load.replicas(outputs), quick=options.quick)
    if options.json:
        print_document(document)
    else:
        load.show(document, console())
    return 0


def _topics(options: argparse.Namespace) -> int:
    from ops import bench_topics
    from ops.engine import open_engine
    from ops.outputs import read_outputs
    from ops.progress import Reporter

    engine = open_engine(workspace_of(options))
    plan = bench_topics.Plan(topics=options.topics, parallel=tuple(options.parallel), runs=1 if options.quick else 3)
    document = bench_topics.run(engine, read_outputs(engine), plan, Reporter())
    if options.json:
        print_document(document)
    else:
        bench_topics.show(document, console())
    return 0


def _subjects(options: argparse.Namespace) -> int:
    from ops import bench_subjects
    from ops.engine import open_engine
    from ops.outputs import read_outputs
    from ops.progress import Reporter

    workspace, runs = workspace_of(options), 1 if options.quick else 3
    outputs = read_outputs(open_engine(workspace))
    document = bench_subjects.run(workspace, outputs, Reporter(), count=options.subjects, runs=runs)
    if options.json:
        print_document(document)
    else:
        bench_subjects.show(document, console())
    return 0


def _flow(options: argparse.Namespace) -> int:
    try:
        from ops import bench_outbox, bench_sink
    except ModuleNotFoundError as error:
        raise Failure(f"{error.name} is not there, which this bench needs", "install it with `make venv-dev`") from None
    from ops.engine import open_engine
    from ops.progress import Reporter

    engine, runs = open_engine(workspace_of(options)), 1 if options.quick else 3
    if options.what == "outbox":
        rows = options.rows or bench_outbox.ROWS
        document = bench_outbox.run(engine, Reporter(), rows=rows, runs=runs)
    else:
        rows = options.rows or bench_sink.ROWS
        document = bench_sink.run(engine, Reporter(), rows=rows, runs=runs)
    if options.json:
        print_document(document)
    else:
        (bench_outbox if options.what == "outbox" else bench_sink).show(document, console())
    return 0


def _preview(options: argparse.Namespace) -> int:
    from ops import bench_preview
    from ops.generated_catalogue import read_size
    from ops.preview_plot import plot
    from ops.progress import Reporter

    sizes = tuple(map(read_size, options.sizes)) if options.sizes else bench_preview.SIZES
    plan = bench_preview.Plan(sizes=sizes, runs=1 if options.quick else 3)
    document = bench_preview.run(workspace_of(options), plan, Reporter())
    if options.plot:
        options.plot.write_text(plot(document))
    if options.json:
        print_document(document)
    else:
        bench_preview.show(document, console())
    return 0
