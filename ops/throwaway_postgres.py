"""A PostgreSQL for the time of a bench or a test: in its own folder, on a free port, as an unprivileged user."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg

from ops.failure import Failure

USER: Final = "postgres"
"""Account of Debian's package: PostgreSQL refuses to run as root."""
LONGEST: Final = 1800
"""Seconds after which the server ends by itself, whatever becomes of who started it."""
LOOPBACK: Final = "127.0.0.1"


def binaries() -> Path:
    """Return the folder of the newest installed server; raises Failure when there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise Failure("PostgreSQL is missing", "install Debian's package postgresql")
    return found[-1].parent


@dataclass
class Server:
    """A server that can be killed and started again; loopback needs no password, other addresses TLS and one."""

    folder: Path
    addresses: Sequence[str] = (LOOPBACK,)
    settings: Sequence[str] = ()
    port: int = 0
    process: "subprocess.Popen[bytes] | None" = None
    account: pwd.struct_passwd = field(default_factory=lambda: pwd.getpwnam(USER))

    @property
    def dsn(self) -> str:
        """Connection string of its owner, over loopback."""
        return f"host={LOOPBACK} port={self.port} user=test dbname=postgres connect_timeout=10"

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.folder / "data"

    def connect(self, **options: Any) -> "psycopg.Connection[Any]":
        """Connect as its owner."""
        return psycopg.connect(self.dsn, **options)

    def initialise(self) -> None:
        """Make its data directory and choose its port."""
        arguments = ["--auth=trust", "--username=test", "--no-sync", "--encoding=UTF8"]
        subprocess.run(
            [binaries() / "initdb", "--pgdata", self.data, *arguments],
            check=True,
            capture_output=True,
            **self._as_account(),
        )
        with socket.socket() as free:
            free.bind((LOOPBACK, 0))
            self.port = free.getsockname()[1]

    def admit(self, network: str, certificate: Path, key: Path) -> None:
        """Let clients of a network in over TLS, with their passwords."""
        for source, name in ((certificate, "server.crt"), (key, "server.key")):
            target = self.data / name
            shutil.copyfile(source, target)
            target.chmod(0o600)
            os.chown(target, self.account.pw_uid, self.account.pw_gid)
        with (self.data / "pg_hba.conf").open("a") as rules:
            rules.write(f"hostssl all all {network} scram-sha-256\n")

    def start(self) -> None:
        """Start it and wait until it answers; raises Failure with the end of its log."""
        settings = [
            f"listen_addresses={','.join(self.addresses)}",
            f"port={self.port}",
            "unix_socket_directories=",
            "fsync=off",
            "shared_buffers=16MB",
            *self.settings,
        ]
        arguments = [argument for setting in settings for argument in ("-c", setting)]
        timeout = shutil.which("timeout")
        if timeout is None:
            raise Failure("there is no timeout program", "install Debian's package coreutils")
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [timeout, "--signal=INT", str(LONGEST), binaries() / "postgres", "-D", self.data, *arguments],
                stdout=subprocess.DEVNULL,
                stderr=log,
                **self._as_account(),
            )
        self._wait()

    def kill(self) -> None:
        """Kill the server's first process (SIGKILL); its children notice and end, as after a crash."""
        if self.process is None:
            return
        os.kill(int((self.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        self.process.wait(60)

    def stop(self) -> None:
        """A fast shutdown: it doesn't wait for clients."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)

    def _as_account(self) -> dict[str, Any]:
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": [], "cwd": self.folder}

    def _wait(self) -> None:
        log, deadline = self.folder / "log", time.monotonic() + 60
        while True:
            try:
                self.connect().close()
            except psycopg.OperationalError:
                if self.process is None or self.process.poll() is not None or time.monotonic() > deadline:
                    raise Failure(f"PostgreSQL did not start: {log.read_text()[-3000:]}") from None
                time.sleep(0.1)
            else:
                return


@contextmanager
def server(addresses: Sequence[str] = (LOOPBACK,), settings: Sequence[str] = ()) -> Iterator[Server]:
    """Make a server that isn't started yet; it leaves nothing behind."""
    # Open to the server's account, as a folder of pytest's isn't.
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    made = Server(folder, addresses, settings)
    os.chown(folder, made.account.pw_uid, made.account.pw_gid)
    try:
        made.initialise()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder)


@contextmanager
def running() -> Iterator[str]:
    """Run a server on loopback and give its connection string."""
    with server() as made:
        made.start()
        yield made.dsn
