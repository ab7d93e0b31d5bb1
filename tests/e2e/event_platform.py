"""The dev stack with Kafka Connect, a PostgreSQL with an outbox and an object store that its pods reach."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, LiteralString
from uuid import uuid4

import boto3
import psycopg
import yaml
from moto.server import ThreadedMotoServer
from psycopg import sql

from lab.plan import HOST, LAB_NETWORK
from manifests.connect_topics import CONFIGS, CONTROL, HEARTBEATS, OFFSETS, STATUS
from manifests.credential import CONNECT_SECRET, derive_password
from ops import throwaway_postgres as postgres
from pyairtable_events.bus import EventBus, event_bus
from pyairtable_events.migrate import migrate
from pyairtable_events.settings import from_environment
from resources.connect_rest import ConnectRest
from tests.e2e.harness import ROOT, Finished, Platform, variables
from tests.events import DEAD_LETTERS, WORKFLOWS

BUCKET: Final = "lake"
TABLE: Final = "lake.workflows"
TOPICS: Final = (CONFIGS, OFFSETS, STATUS, HEARTBEATS, CONTROL)
REGION: Final = "eu-central-1"
CATALOG: Final = "catalog"
_ENVELOPE: Final = {
    "id": "ce_id",
    "type": "ce_type",
    "source": "ce_source",
    "tenant": "ce_tenant",
    "correlation_id": "ce_correlationid",
    "causation_id": "ce_causationid",
}
"""Columns of pyairtable_events' outbox to the headers its consumers know, as the package's README has them."""


@dataclass
class EventPlatform:
    """What the tests of Kafka Connect run on."""

    platform: Platform
    database: postgres.Server
    """The service's, with its outbox; tests kill it."""
    catalogue: postgres.Server
    """The lake's: a sink's task ends where its catalogue does."""
    store: str
    """Address of the object store."""
    folder: Path
    ca_pem: str
    mark: str = field(default_factory=lambda: f"run-{uuid4().hex}-")
    """Beginning of the aggregates of these tests, whatever else stands in the topic."""

    def outbox(self, **changes: Any) -> dict[str, Any]:
        """The declaration of the outbox's connector."""
        outbox = {
            "host": str(HOST),
            "port": self.database.port,
            "database": "postgres",
            "user": "outbox_reader",
            "ca_pem": self.ca_pem,
            "aggregates": ["workflows"],
            "headers": _ENVELOPE,
            "create_publication": False,
        }
        return {
            "name": "outbox",
            "plugin": "debezium-postgres",
            "value_format": "bytes",
            "dead_letters": DEAD_LETTERS,
            "outbox": outbox,
            "secrets": {"database.password": "outbox"},
            **changes,
        }

    def lake(self, **changes: Any) -> dict[str, Any]:
        """The declaration of the sink's connector."""
        iceberg = {
            "catalog": "jdbc",
            "uri": f"jdbc:postgresql://{HOST}:{self.catalogue.port}/{CATALOG}",
            "user": "lake",
            "warehouse": f"s3://{BUCKET}/warehouse",
            "table": TABLE,
            "region": REGION,
            "endpoint": self.store,
            "commit_interval": "5s",
        }
        secrets = {
            "iceberg.catalog.jdbc.password": "lake",
            "iceberg.catalog.s3.access-key-id": "store-id",
            "iceberg.catalog.s3.secret-access-key": "store-key",
        }
        return {
            "name": "lake",
            "plugin": "iceberg-sink",
            "reads": [WORKFLOWS],
            "value_format": "avro",
            "dead_letters": DEAD_LETTERS,
            "tolerate_errors": True,
            # Unit of the waits between restarts: a test lasts no minutes.
            "auto_restart": {"backoff": "2s"},
            "iceberg": iceberg,
            "secrets": secrets,
            **changes,
        }

    def up(self, *connectors: dict[str, Any], check: bool = True) -> Finished:
        return self.platform.up(self.overlay(*connectors), check=check)

    def overlay(self, *connectors: dict[str, Any]) -> Path:
        document = yaml.safe_load((ROOT / "config/overlays/event-platform.yaml").read_text())
        names = {name for one in connectors for name in one["secrets"].values()}
        document["connect"] |= {
            "connectors": list(connectors),
            "derived_secrets": sorted(names),
            "egress": [{"cidr": f"{HOST}/32", "port": port} for port in self.ports],
        }
        file = self.folder / "overlay.json"
        file.write_text(json.dumps(document))
        return file

    @property
    def ports(self) -> list[int]:
        """Where on the host the workers have to get to."""
        return [self.database.port, self.catalogue.port, int(self.store.rpartition(":")[2])]

    def secret(self, name: str) -> str:
        """The value of a derived secret."""
        master = self.platform.pulumi("config", "get", "kafka-platform:master_secret").out.strip()
        return derive_password(master, name, 1, CONNECT_SECRET)

    def rest(self) -> ConnectRest:
        outputs = json.loads(self.platform.pulumi("stack", "output", "--json", "--show-secrets").out)
        return ConnectRest(
            endpoints=outputs["connect"]["endpoints"],
            ca_pem=outputs["ca_pem"],
            **outputs["connect"]["credentials"],
        )

    def bus(self, service: str) -> EventBus:
        """The event bus as the service has it, from what ``ops client`` wrote."""
        return event_bus(from_environment({**access(self.platform, service), "EVENT_BUS_SERVICE": service}))

    def store_client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.store,
            region_name=REGION,
            aws_access_key_id="any",
            aws_secret_access_key="any",
        )


def access(platform: Platform, service: str) -> dict[str, str]:
    """A service's variables, as ``ops client`` wrote them."""
    return variables(platform.client(service))


def certificate(folder: Path) -> str:
    """Make ``server.crt``, its own authority, for the host's address in the lab, and ``server.key``."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", str(folder / "server.key"), "-out", str(folder / "server.crt"), "-days", "1"),
            *("-subj", "/CN=database", "-addext", f"subjectAltName=IP:{HOST}"),
        ],
        check=True,
        capture_output=True,
    )
    return (folder / "server.crt").read_text()


def prepare(made: EventPlatform) -> None:
    """Make tables, roles, catalogue and bucket as their owners do; the outbox's reader may make no publication."""
    with made.database.connect(autocommit=True) as connection:
        migrate(connection)
        make_role(connection, "outbox_reader", "REPLICATION", made.secret("outbox"))
        connection.execute("GRANT SELECT ON outbox TO outbox_reader")
        connection.execute("CREATE PUBLICATION connect_outbox FOR TABLE outbox")
    with made.catalogue.connect(autocommit=True) as connection:
        make_role(connection, "lake", "", made.secret("lake"))
        connection.execute(f"CREATE DATABASE {CATALOG} OWNER lake")
    location = {"LocationConstraint": REGION}
    made.store_client().create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location)


def make_role(connection: "psycopg.Connection[Any]", name: str, rights: LiteralString, password: str) -> None:
    statement = sql.SQL("CREATE ROLE {} LOGIN " + rights + " PASSWORD {}")
    connection.execute(statement.format(sql.Identifier(name), sql.Literal(password)))


@contextmanager
def databases(folder: Path) -> Iterator[tuple[postgres.Server, postgres.Server]]:
    """Two servers that pods reach over TLS, with their passwords."""
    addresses, settings = (postgres.LOOPBACK, str(HOST)), ("wal_level=logical", "ssl=on")
    with postgres.server(addresses, settings) as one, postgres.server(addresses, settings) as other:
        for each in (one, other):
            each.admit(str(LAB_NETWORK), folder / "server.crt", folder / "server.key")
            each.start()
        yield one, other


@contextmanager
def event_platform(platform: Platform, folder: Path) -> Iterator[EventPlatform]:
    """Bring everything up, with both connectors; afterwards the stack is what it was."""
    ca_pem = certificate(folder)
    moto = ThreadedMotoServer(ip_address=str(HOST), port=0, verbose=False)
    with databases(folder) as (database, catalogue):
        moto.start()
        try:
            store = f"http://{HOST}:{moto.get_host_and_port()[1]}"
            made = EventPlatform(platform, database, catalogue, store, folder, ca_pem)
            prepare(made)
            try:
                made.up(made.outbox(), made.lake())
                yield made
            finally:
                remove(platform, folder)
        finally:
            moto.stop()


def remove(platform: Platform, folder: Path) -> None:
    """Take Kafka Connect out of the stack, and the state in its topics, whose loss is allowed by name."""
    losses = folder / "losses.json"
    losses.write_text(json.dumps({"allow_data_loss": list(TOPICS)}))
    platform.up(losses)
    platform.up()


def rows(database: postgres.Server) -> list[tuple[str, str]]:
    """Aggregate and event id of every row that was committed, in the order of their commits per aggregate."""
    with database.connect() as connection:
        found = connection.execute("SELECT aggregateid, id::text FROM outbox ORDER BY position").fetchall()
    return [(aggregate, event) for aggregate, event in found]
