"""Databases and an object store for the time of a bench, where the lab's pods reach them."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, LiteralString

import boto3
import psycopg
from moto.server import ThreadedMotoServer
from psycopg import sql

from lab.plan import HOST, LAB_NETWORK
from ops.throwaway_pki import Throwaway
from ops.throwaway_postgres import LOOPBACK, Server, server

BUCKET: Final = "lake"
CATALOG: Final = "catalog"
REGION: Final = "eu-central-1"
OUTBOX: Final = """CREATE TABLE outbox (
  id uuid PRIMARY KEY, aggregatetype text NOT NULL, aggregateid text NOT NULL, type text NOT NULL,
  payload bytea NOT NULL
)"""
"""The table as Debezium's documentation has it («Outbox event router»), with a payload of bytes."""


@contextmanager
def database(folder: Path) -> Iterator[tuple[Server, str]]:
    """Run a PostgreSQL with logical decoding, by TLS and password for pods; yields it and the CA of its certificate."""
    pki = Throwaway.make(str(HOST))
    certificate, key = folder / "server.crt", folder / "server.key"
    certificate.write_text(pki.certificate_pem)
    key.touch(mode=0o600)
    key.write_text(pki.key_pem)
    with server((LOOPBACK, str(HOST)), ("wal_level=logical", "ssl=on")) as made:
        made.admit(str(LAB_NETWORK), certificate, key)
        made.start()
        yield made, pki.ca_pem


def make_role(connection: "psycopg.Connection[Any]", name: str, rights: LiteralString, password: str) -> None:
    """Make a role that may log in, with further rights."""
    statement = sql.SQL("CREATE ROLE {} LOGIN " + rights + " PASSWORD {}")
    connection.execute(statement.format(sql.Identifier(name), sql.Literal(password)))


@contextmanager
def object_store() -> Iterator[str]:
    """Run moto's S3 with the lake's bucket where pods reach it; yields its URL."""
    # It would print each request.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer(ip_address=str(HOST), port=0, verbose=False)
    moto.start()
    try:
        url = f"http://{HOST}:{moto.get_host_and_port()[1]}"
        keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
        client = boto3.client("s3", endpoint_url=url, region_name=REGION, **keys)
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield url
    finally:
        moto.stop()
