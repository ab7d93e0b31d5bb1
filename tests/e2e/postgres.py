"""A PostgreSQL of the test's own: in its own folder, on a free loopback port, as an unprivileged user."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg

USER: Final = "postgres"
"""Account of Debian's package: PostgreSQL refuses to run as root."""
LONGEST: Final = 1800
"""Seconds after which the server ends by itself, whatever becomes of the tests."""


def binaries() -> Path:
    """Return the folder of the newest installed server."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    assert found, "PostgreSQL is missing: install Debian's package postgresql"
    return found[-1].parent


@contextmanager
def running() -> Iterator[str]:
    """Run a server and give its connection string; it leaves nothing behind."""
    home, account = binaries(), pwd.getpwnam(USER)
    # Not pytest's own folder: that one is closed to everybody but the user of the tests.
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    os.chown(folder, account.pw_uid, account.pw_gid)
    try:
        yield from _running(home, folder, account)
    finally:
        shutil.rmtree(folder)


def _running(home: Path, folder: Path, account: pwd.struct_passwd) -> Iterator[str]:
    data = folder / "data"
    run = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": [], "cwd": folder}
    subprocess.run(
        [home / "initdb", "--pgdata", data, "--auth=trust", "--username=test", "--no-sync", "--encoding=UTF8"],
        check=True,
        capture_output=True,
        **run,  # type: ignore[call-overload]
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = [
        "listen_addresses=127.0.0.1",
        f"port={port}",
        "unix_socket_directories=",
        "fsync=off",
        "shared_buffers=16MB",
    ]
    arguments = [argument for setting in settings for argument in ("-c", setting)]
    timeout = shutil.which("timeout")
    assert timeout is not None
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [timeout, "--signal=INT", str(LONGEST), home / "postgres", "-D", data, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=log,
            **run,  # type: ignore[call-overload]
        )
    dsn = f"host=127.0.0.1 port={port} user=test dbname=postgres connect_timeout=10"
    try:
        _wait(dsn, server, folder / "log")
        yield dsn
    finally:
        # A fast shutdown: it doesn't wait for clients.
        server.send_signal(signal.SIGINT)
        server.wait(60)


def _wait(dsn: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(dsn).close()
        except psycopg.OperationalError:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        else:
            return
