"""Running the programs that build and install, so that their output is followed and an interrupt ends them all."""

import os
import signal
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

_KEPT_LINES: Final = 30
_GRACE_SECONDS: Final = 5


class Failed(RuntimeError):
    """A step that did not work. The message says which, and ends with what the program said last."""


class Unsuitable(RuntimeError):
    """This machine can't do what was asked, and trying again won't help. The message has the way out."""


class Stopped(RuntimeError):
    """The run was ended before this program was."""


class Processes:
    """The programs that a run has started; :meth:`stop` ends them, and the ones that would come."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False

    def run(
        self,
        arguments: Sequence[str | Path],
        *,
        directory: Path | None = None,
        environment: Mapping[str, str] | None = None,
        line: Callable[[str], None] = lambda _: None,
        output: IO[str] | None = None,
    ) -> None:
        """Run a program to its end; raises :class:`Failed` when that isn't 0.

        Each line that the program prints goes to ``line``; with ``output``, only those of its standard error do.
        """
        process = self._start(arguments, directory, environment, output)
        last: deque[str] = deque(maxlen=_KEPT_LINES)
        pipe = process.stderr if output else process.stdout
        try:
            for text in pipe or ():
                last.append(text.rstrip())
                line(text.rstrip())
            code = process.wait()
        finally:
            self._end([process])
            if pipe:
                pipe.close()
            with self._lock:
                self._running.discard(process)
        if self._stopped:
            raise Stopped("interrupted")
        if code:
            command = " ".join(str(argument) for argument in arguments[:3])
            raise Failed("\n  ".join([f"`{command} …` ended with code {code}:", *last]))

    def output(
        self,
        arguments: Sequence[str | Path],
        *,
        directory: Path | None = None,
        environment: Mapping[str, str] | None = None,
        line: Callable[[str], None] = lambda _: None,
    ) -> str:
        """What a program writes to its standard output; the rest is as with :meth:`run`."""
        with tempfile.TemporaryFile("w+") as written:
            self.run(arguments, directory=directory, environment=environment, line=line, output=written)
            written.seek(0)
            return written.read()

    def stop(self) -> None:
        """End every running program with its children; a later :meth:`run` raises :class:`Stopped`."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        self._end(running)

    def _start(
        self,
        arguments: Sequence[str | Path],
        directory: Path | None,
        environment: Mapping[str, str] | None,
        output: IO[str] | None,
    ) -> subprocess.Popen[str]:
        with self._lock:
            if self._stopped:
                raise Stopped("interrupted")
            try:
                process = subprocess.Popen(
                    [str(argument) for argument in arguments],
                    cwd=directory,
                    env=None if environment is None else dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=output or subprocess.PIPE,
                    stderr=subprocess.PIPE if output else subprocess.STDOUT,
                    text=True,
                    errors="replace",
                    # A group of its own: a build has many children, and all must end with it.
                    start_new_session=True,
                )
            except FileNotFoundError as error:
                raise Failed(f"{arguments[0]} can't be run: {error.strerror}.") from error
            self._running.add(process)
            return process

    @staticmethod
    def _end(processes: Sequence[subprocess.Popen[str]]) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in processes:
                if process.poll() is None:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, number)
            for process in processes:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=_GRACE_SECONDS)
