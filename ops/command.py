"""The Pulumi command as the Automation API calls it, with an interrupt the engine survives in good order."""

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from pulumi.automation import CommandResult, PulumiCommand
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

_LEAKING: tuple[str, ...] = ("KAFKA_",)
"""pulumi-kafka takes these as defaults of its provider; a sourced producer.env must not change what is deployed."""


class Interrupted(Exception):
    """The user stopped the engine; it ended what it had begun and saved its state."""


def engine_process_environment(outer: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """Return the engine's whole environment: the caller's without what leaks into providers, then the settings."""
    kept = {
        name: value
        for name, value in outer.items()
        if not name.startswith(_LEAKING) or name.startswith("KAFKA_PLATFORM_")
    }
    return {**kept, **settings, "PULUMI_AUTOMATION_API": "true"}


class InterruptibleCommand(PulumiCommand):
    """Runs ``pulumi`` in a process group of its own, so that Ctrl-C reaches it once, from here.

    The first SIGINT or SIGTERM is handed to the engine, which finishes the steps it is in and writes its state; a
    second one ends it at once. Both raise Interrupted.
    """

    on_interrupt: Callable[[int], None]
    """Called, in the signal's handler, with how many there were."""

    def __init__(self, command: Path, environment: Mapping[str, str]) -> None:
        self.command = str(command)
        self.on_interrupt = lambda _count: None
        shown = subprocess.run(
            [self.command, "version"],
            env=engine_process_environment(os.environ, environment),
            capture_output=True,
            text=True,
            check=True,
        )
        self.version = VersionInfo.parse(shown.stdout.strip().removeprefix("v"))

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Callable[[str], object] | None = None,
        on_error: Callable[[str], object] | None = None,
        *,
        keep_output: bool = True,
    ) -> CommandResult:
        """Run one command; raises CommandError when it fails, Interrupted when the user stopped it.

        Without ``keep_output``, what it prints on standard output is neither kept nor handed on.
        """
        if "--non-interactive" not in args:
            args = ["--non-interactive", *args]
        with (
            # The Kubernetes plugin leaves a copy of the kubeconfig, credential and all, among the temporary files.
            tempfile.TemporaryDirectory(prefix="kafka-platform-", ignore_cleanup_errors=True) as temporary,
            subprocess.Popen(
                [self.command, *args],
                cwd=cwd,
                env={**engine_process_environment(os.environ, additional_env), "TMPDIR": temporary},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if keep_output else subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                process_group=0,
            ) as process,
            forwarding_interrupts(process, self.on_interrupt) as interrupts,
        ):
            output, errors = _drain(process, on_output, on_error)
        result = CommandResult("\n".join(output), "\n".join(errors), process.returncode)
        if interrupts:
            raise Interrupted
        if process.returncode != 0:
            raise create_command_error(result)
        return result


@contextmanager
def forwarding_interrupts(
    process: subprocess.Popen[str], told: Callable[[int], None] = lambda _count: None
) -> Iterator[list[int]]:
    """Send SIGINT and SIGTERM on to a child as SIGINT; yields the list of those received. Main thread only."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def forward(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            told(len(received))

    before = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _drain(
    process: subprocess.Popen[str],
    on_output: Callable[[str], object] | None,
    on_error: Callable[[str], object] | None,
) -> tuple[list[str], list[str]]:
    """Read both streams to their ends and return their lines."""
    streams = ((process.stdout, on_output), (process.stderr, on_error))
    collected: tuple[list[str], list[str]] = ([], [])

    def read(index: int) -> None:
        stream, callback = streams[index]
        for line in stream or ():
            stripped = line.rstrip()
            collected[index].append(stripped)
            if callback:
                callback(stripped)

    readers = [threading.Thread(target=read, args=(index,), daemon=True) for index in (0, 1)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    process.wait()
    return collected
