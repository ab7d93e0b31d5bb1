"""What the Python SDK does beside the program's own work, and the program can do without."""

import asyncio
import gc
import inspect
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from weakref import WeakKeyDictionary

import pulumi
from pulumi import output
from pulumi.runtime import resource as runtime
from pulumi.runtime import resource_cycle_breaker as breaker
from pulumi.runtime import rpc, stack
from pulumi.runtime.proto import source_pb2

_WHOLE: Final = "_get_stack_trace"
_DEBUG: Final = "PLATFORM_DEBUG"
_CONSTRUCTORS: Final = 3
_REGISTRATIONS: Final = 256
"""Registrations under way: as many as the SDK has threads for in an update of 64 resources at a time (ops/stack.py)."""
_ALLOCATIONS: Final = 100_000
"""New objects between two looks for garbage. A program run makes a million and drops few, and Python's own 700 make
it look thousands of times: a tenth of an update that changes nothing."""


def trim_sdk(environment: Mapping[str, str] = os.environ) -> None:
    """Leave out what costs time or space and that nobody reads."""
    gc.set_threshold(_ALLOCATIONS)
    keep_innermost_frame()
    await_outputs_together()
    search_for_possible_cycles()
    hold_outputs_by_one_future()
    queue_registrations()
    if environment.get(_DEBUG) != "1":
        drop_debug_messages()


def drop_debug_messages() -> None:
    """Don't send debug messages: the SDK waits for the engine's answer to each of its four a resource.

    The engine shows them with ``--debug`` only; PLATFORM_DEBUG=1 brings them back for that.
    """
    pulumi.log.debug = _drop


def _drop(*_message: object, **_options: object) -> None:
    pass


def await_outputs_together() -> None:
    """Wait for all outputs that are outstanding at once, and for the first failure among them.

    The SDK waits for the first to be done, takes stock of the others, and waits again: as many looks at as many tasks
    as there are resources. An SDK that waits in another way is left as it is.
    """
    if vars(stack).get("asyncio") is asyncio:
        vars(stack)["asyncio"] = SimpleNamespace(**{**vars(asyncio), "wait": _wait_for_all})


def search_for_possible_cycles() -> None:
    """Look for a cycle only where there can be one: what nothing depends on closes none.

    For each edge, the SDK searches all that is below its end, which for what comes last is nearly everything. An SDK
    that has no such search is left as it is.
    """
    search = vars(rpc).get("declare_dependency")
    if search is not breaker.declare_dependency:
        return
    needed: set[pulumi.Resource] = set()

    def declare(from_resource: pulumi.Resource, to_resource: pulumi.Resource) -> bool:
        needed.add(to_resource)
        if from_resource in needed:
            return search(from_resource, to_resource)
        if known := breaker._deps(from_resource):
            # The SDK copies them for each further one.
            known.add(to_resource)
        else:
            breaker._add_dep(from_resource, to_resource)
        return True

    vars(rpc)["declare_dependency"] = declare


def hold_outputs_by_one_future() -> None:
    """Let one future stand for each property of a resource until the engine has answered.

    The SDK makes four, a task that awaits them in turn, and a function that takes the task off a list when it is done:
    most of what a resource takes of memory. Nobody needs the list: the registration, which is waited for, ends by
    resolving them. An SDK that keeps an output's parts in another way is left as it is.
    """
    if hasattr(pulumi.Output, "_from_data") and hasattr(output, "_OutputData"):
        vars(rpc)["transfer_properties"] = _transfer_properties
        vars(runtime)["resource_output"] = _resource_output


def _resource_output(resource: pulumi.Resource) -> tuple[Callable[..., None], pulumi.Output[Any]]:
    """Return an output of a resource's, its URN or id, after the function that resolves it."""
    made, alone = _unresolved(), {resource}

    def resolve(value: object, known: bool, secret: bool, failed: Exception | None) -> None:
        _resolve(alone, made._data, value, known, secret, None, failed)

    return resolve, made


def _unresolved() -> pulumi.Output[Any]:
    made: pulumi.Output[Any] = object.__new__(pulumi.Output)
    made._data = asyncio.Future()
    return made


def _transfer_properties(resource: pulumi.Resource, properties: Iterable[str], custom: bool) -> dict[str, Any]:
    """Give a resource an output for each property; return the functions that resolve them, by property."""
    resolvers: dict[str, Any] = {}
    # Most of them depend on nothing else, and the SDK changes no set that it has.
    alone = {resource}
    for name in properties:
        if name == "urn" or (name == "id" and custom):
            continue
        vars(resource)[name] = made = _unresolved()
        resolvers[name] = partial(_resolve, alone, made._data)
    return resolvers


def _resolve(
    alone: set[pulumi.Resource],
    data: asyncio.Future[Any],
    value: object,
    known: bool,
    secret: bool,
    dependencies: Collection[pulumi.Resource] | None,
    failed: Exception | None,
) -> None:
    if failed is not None:
        data.set_exception(failed)
        # It is told by the registration; asked for here, so that it isn't told again as one that nobody asked for.
        data.exception()
        return
    found = alone.union(dependencies) if dependencies else alone
    data.set_result(output._OutputData(resources=found, value=value, is_known=known, is_secret=secret))


def queue_registrations() -> None:
    """Let a resource whose inputs are known wait until there is a thread to register it.

    The SDK makes the requests of all resources that a provider kept waiting at once, and has few threads to send them.
    What has its turn waits for nobody but the engine. An SDK that prepares registrations otherwise is left as it is.
    """
    prepare = vars(runtime).get("prepare_resource")
    if prepare is None or getattr(prepare, "queued", False):
        return
    queues: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    async def queued(resource: pulumi.Resource, *arguments: Any) -> Any:
        prepared = await prepare(resource, *arguments)
        queue = queues.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_REGISTRATIONS))
        await queue.acquire()
        resource.urn._data.add_done_callback(lambda _: queue.release())
        return prepared

    queued.queued = True  # type: ignore[attr-defined]
    vars(runtime)["prepare_resource"] = queued


async def _wait_for_all(
    tasks: Iterable[asyncio.Task[Any]], *, return_when: str = asyncio.ALL_COMPLETED
) -> tuple[set[asyncio.Task[Any]], set[asyncio.Task[Any]]]:
    first = return_when == asyncio.FIRST_COMPLETED
    return await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION if first else return_when)


def keep_innermost_frame() -> None:
    """Send the engine the line that makes a resource, not the whole Python stack below it.

    The engine keeps the stack with each resource: half of a topic's part of the state, which the file backend writes
    twice for every topic, and paths of this machine. An SDK that has no such stack is left as it is.
    """
    if hasattr(runtime, _WHOLE):
        setattr(runtime, _WHOLE, innermost_frame)


def innermost_frame() -> source_pb2.StackTrace:
    """Return the caller of the third constructor: those within are CustomResource's, or a component's, and Resource's.

    Python's own extraction of the stack looks at each frame of it.
    """
    frame, constructors = inspect.currentframe(), 0
    while frame is not None and constructors < _CONSTRUCTORS:
        constructors += frame.f_code.co_name == "__init__"
        frame = frame.f_back
    if frame is None:
        return source_pb2.StackTrace()
    uri = Path(frame.f_code.co_filename).as_uri()
    position = source_pb2.SourcePosition(uri=uri, line=frame.f_lineno)
    return source_pb2.StackTrace(frames=[source_pb2.StackFrame(pc=position)])
