"""Connectors: each declaration is complete, and names only what there is."""

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Final

from config.connect import CatalogType, ConnectorSpec, Format, Plugin, SslMode
from config.errors import Problem, dotted, is_secret_name, shown, suggestion
from config.literals import ExternalAccess
from config.network import is_host, legal_ports
from config.parts import Parts

_NAME: Final = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
_SECRET: Final = re.compile(r"[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?")
_AGGREGATE: Final = re.compile(r"[A-Za-z0-9_-]+")
_COLUMN: Final = re.compile(r"[a-z_][a-z0-9_]*")
_HEADER: Final = re.compile(r"[A-Za-z0-9_-]+")
_TABLE: Final = re.compile(r"\w+\.\w+")
_SECTIONS: Final = {
    Plugin.DEBEZIUM_POSTGRES: "outbox",
    Plugin.ICEBERG_SINK: "iceberg",
    Plugin.CONFLUENT_S3_SINK: "s3",
}
_FORMATS: Final = {
    Plugin.DEBEZIUM_POSTGRES: (Format.STRING, Format.BYTES),
    Plugin.ICEBERG_SINK: (Format.AVRO, Format.JSON),
    Plugin.CONFLUENT_S3_SINK: (Format.AVRO, Format.JSON),
}
"""What a plugin's values can be. An outbox's payload is passed on: a service that writes Avro writes it as bytes."""
_PASSWORDS: Final = {
    "database.password": "of the database's role",
    "iceberg.catalog.jdbc.password": "of the catalogue's user",
}
_MOST_RESTARTS: Final = 1000
"""At a minute's backoff, six weeks."""
_OWNED: Final = re.compile(
    r"name|connector\.class|tasks\.max|topics(\.regex)?|config\.(action|providers).*|exactly\.once\..*|errors\..*"
    r"|transforms.*|predicates.*|(key|value|header)\.converter.*|topic\.creation\..*|(producer|consumer|admin)\.override\..*"
    r"|plugin\.name|database\.(hostname|port|user|dbname|sslmode|sslrootcert)|topic\.prefix|topic\.heartbeat\.prefix"
    r"|slot\.(name|drop\.on\.stop)|publication\..*|(table|schema)\.(include|exclude)\.list"
    r"|iceberg\.(tables|control\.topic|control\.group-id-prefix|control\.commit\.interval-ms)"
    r"|iceberg\.coordinator\.transactional\..*|iceberg\.kafka\..*|iceberg\.connect\.group-id"
    r"|auto\.restart\..*|iceberg\.catalog(\.(type|uri|warehouse|catalog-impl|io-impl|jdbc\.user|client\.region|s3\.endpoint))?"
    r"|s3\.(bucket\.name|region)|topics\.dir|flush\.size|rotate\.interval\.ms|storage\.class|format\.class"
)
"""Settings that follow from a declaration."""


def _connectors(parts: Parts) -> Iterator[tuple[str, ConnectorSpec]]:
    for index, connector in enumerate(parts.connect.connectors if parts.connect else ()):
        yield f"connect.connectors[{index}]", connector


def connector_names(parts: Parts) -> Iterator[Problem]:
    """A name is part of topics', groups', transactions' and slots' names."""
    for path, connector in _connectors(parts):
        if not _NAME.fullmatch(connector.name):
            allowed = "a name begins with a letter and has at most 40 of the characters a-z 0-9 -, with no - at its end"
            yield Problem(f"{path}.name", shown(connector.name), allowed, "choose another name")
        elif connector.name == "cluster":
            allowed = "the workers' own transactions are called so"
            yield Problem(f"{path}.name", shown(connector.name), allowed, "choose another name")
    for (_, one), (path, other) in combinations(_connectors(parts), 2):
        if one.name == other.name:
            yield Problem(f"{path}.name", shown(other.name), "another connector has this name", "choose another name")


def connector_sections(parts: Parts) -> Iterator[Problem]:
    """A connector has the section of its plugin, and no other's."""
    for path, connector in _connectors(parts):
        for plugin, section in _SECTIONS.items():
            there = getattr(connector, section) is not None
            if plugin is connector.plugin and not there:
                yield Problem(f"{path}.{section}", "", f"it is missing: {plugin} needs it", "add it")
            elif plugin is not connector.plugin and there:
                remedy = f"remove it, or set plugin: {plugin}"
                yield Problem(f"{path}.{section}", "a mapping", f"it is for {plugin}", remedy)
        if connector.value_format not in _FORMATS[connector.plugin]:
            allowed = f"{connector.plugin} takes {' or '.join(_FORMATS[connector.plugin])}"
            yield Problem(f"{path}.value_format", shown(str(connector.value_format)), allowed, "choose one of them")
        if Format.AVRO in (connector.key_format, connector.value_format) and parts.schema_registry is None:
            allowed = "Avro needs the schema registry, and this stack has none"
            yield Problem(f"{path}.value_format", shown(str(connector.value_format)), allowed, "add schema_registry")
        if connector.is_source and connector.key_format is not Format.STRING:
            allowed = "an outbox's key is the aggregate's id, as string"
            yield Problem(f"{path}.key_format", shown(str(connector.key_format)), allowed, "leave it out")
        most = 1 if connector.is_source else 100
        if not 1 <= connector.tasks <= most:
            allowed = "a database's log is read by 1 task" if connector.is_source else "allowed are 1 to 100"
            yield Problem(f"{path}.tasks", shown(connector.tasks), allowed, "correct the value")


def connector_topics(parts: Parts) -> Iterator[Problem]:
    """Connectors read and write topics of the catalogue, and no sink reads its own dead letters."""
    for path, connector in _connectors(parts):
        named = [(f"{path}.reads[{index}]", name) for index, name in enumerate(connector.reads)]
        if connector.dead_letters is not None:
            named.append((f"{path}.dead_letters", connector.dead_letters))
        if connector.outbox:
            named += [(f"{path}.outbox.aggregates[{i}]", name) for i, name in enumerate(connector.writes)]
        for at, name in named:
            if name in parts.disabled_topics:
                yield Problem(
                    at, shown(name), "this stack leaves that topic out", f"enable it, {dotted(['topics', name])}"
                )
            elif name not in parts.topic_names:
                yield Problem(at, shown(name), "there is no such topic", suggestion(name, parts.topic_names))
        for index, name in enumerate(connector.reads):
            if name in connector.reads[:index]:
                yield Problem(f"{path}.reads[{index}]", shown(name), "it is listed twice", "remove one")
        if connector.is_source and connector.reads:
            yield Problem(f"{path}.reads", "a list", f"{connector.plugin} reads no topics", "remove it")
        if not connector.is_source and not connector.reads:
            yield Problem(f"{path}.reads", "", "it is missing: a sink reads topics", "name them")
        if connector.dead_letters in connector.reads:
            allowed = "the connector would read its own dead letters"
            yield Problem(f"{path}.dead_letters", shown(connector.dead_letters), allowed, "take it out of reads")
    for (_, one), (path, other) in combinations(_connectors(parts), 2):
        if one.outbox and other.outbox and (one.outbox.host, one.outbox.database, one.outbox.table) == (
            other.outbox.host, other.outbox.database, other.outbox.table,
        ):  # fmt: skip
            allowed = f"connector {one.name} reads this table, and every row would be sent twice"
            yield Problem(f"{path}.outbox.table", shown(other.outbox.table), allowed, "remove one of them")


def error_handling(parts: Parts) -> Iterator[Problem]:
    """What can't be processed goes somewhere, or stops the task; it never just vanishes."""
    for path, connector in _connectors(parts):
        if connector.is_source and connector.tolerate_errors:
            allowed = "a source has no dead letter queue for what it can't convert: rows would vanish"
            yield Problem(f"{path}.tolerate_errors", "true", allowed, "leave it out")
        elif connector.is_source and connector.dead_letters is None:
            allowed = "it is missing: a row of an unknown aggregate would stop the outbox"
            yield Problem(f"{path}.dead_letters", "", allowed, "name the topic for such rows")
        elif connector.tolerate_errors and connector.dead_letters is None:
            allowed = "it is missing: records that can't be converted would vanish"
            yield Problem(f"{path}.dead_letters", "", allowed, "name a topic, or leave tolerate_errors out")


def auto_restarts(parts: Parts) -> Iterator[Problem]:
    """What failed is restarted a bounded number of times, and not in a hurry."""
    for at, connector in _connectors(parts):
        restart, path = connector.auto_restart, f"{at}.auto_restart"
        if not 1 <= restart.max_restarts <= _MOST_RESTARTS:
            allowed = f"allowed are 1 to {_MOST_RESTARTS}"
            remedy = "correct the value, or set enabled: false"
            yield Problem(f"{path}.max_restarts", shown(restart.max_restarts), allowed, remedy)
        if not 1 <= restart.backoff.total_seconds() <= 3600:
            yield Problem(f"{path}.backoff", shown(restart.backoff), "allowed are 1s to 1h", "correct the value")


def outboxes(parts: Parts) -> Iterator[Problem]:
    """An outbox is reached over verified TLS, and every aggregate has its topic."""
    for at, connector in _connectors(parts):
        outbox, path = connector.outbox, f"{at}.outbox"
        if outbox is None:
            continue
        if not is_host(outbox.host):
            allowed = "it is an address, or a name in lower case without scheme and port"
            yield Problem(f"{path}.host", shown(outbox.host), allowed, "correct it")
        if outbox.port not in legal_ports(ExternalAccess.NONE):
            yield Problem(f"{path}.port", shown(outbox.port), "ports are 1 to 65535", "correct it")
        if not _TABLE.fullmatch(outbox.table):
            yield Problem(f"{path}.table", shown(outbox.table), "it is schema.table", "correct it")
        if outbox.sslmode is SslMode.DISABLE and parts.protect:
            allowed = "a protected stack sends no password in plain"
            yield Problem(f"{path}.sslmode", "'disable'", allowed, f"use {SslMode.VERIFY_FULL}, with ca_pem")
        if outbox.sslmode is SslMode.VERIFY_FULL and "BEGIN CERTIFICATE" not in (outbox.ca_pem or ""):
            allowed = f"it is missing or no PEM certificate: {SslMode.VERIFY_FULL} checks the server against it"
            yield Problem(f"{path}.ca_pem", "", allowed, "add the CA's certificate")
        if outbox.topic.count("{aggregate}") != 1:
            allowed = "it holds {aggregate} once, or all aggregates would share a topic"
            yield Problem(f"{path}.topic", shown(outbox.topic), allowed, "correct it")
        for column, header in outbox.headers.items():
            if not _COLUMN.fullmatch(column) or not _HEADER.fullmatch(header):
                at_header = f"{path}.{dotted(['headers', column])}"
                allowed = "a column has the characters a-z 0-9 _, a header A-Z a-z 0-9 _ -"
                yield Problem(at_header, shown(header), allowed, "correct it")
        if not outbox.aggregates:
            yield Problem(f"{path}.aggregates", "a list", "it is empty", "name the table's aggregate types")
        for index, aggregate in enumerate(outbox.aggregates):
            if not _AGGREGATE.fullmatch(aggregate):
                allowed = "an aggregate type has the characters A-Z a-z 0-9 _ -"
                yield Problem(f"{path}.aggregates[{index}]", shown(aggregate), allowed, "correct it")
            elif aggregate in outbox.aggregates[:index]:
                yield Problem(f"{path}.aggregates[{index}]", shown(aggregate), "it is listed twice", "remove one")


def lakes(parts: Parts) -> Iterator[Problem]:
    """A table has a catalogue that can be reached, and a place for its files."""
    for at, connector in _connectors(parts):
        iceberg, path = connector.iceberg, f"{at}.iceberg"
        if iceberg is not None:
            begin = {CatalogType.JDBC: "jdbc:postgresql://", CatalogType.REST: "https://", CatalogType.GLUE: None}
            wanted = begin[iceberg.catalog]
            if wanted is None and iceberg.uri is not None:
                yield Problem(f"{path}.uri", shown(iceberg.uri), "glue has none", "remove it")
            elif wanted is not None and not (iceberg.uri or "").startswith(wanted):
                yield Problem(f"{path}.uri", shown(iceberg.uri), f"it begins with {wanted}", "correct it")
            elif "@" in (iceberg.uri or "") or is_secret_name(iceberg.uri or ""):
                yield Problem(f"{path}.uri", "its value", "an address holds no credential", "use user and secrets")
            if (iceberg.user is None) is (iceberg.catalog is CatalogType.JDBC):
                allowed = "a jdbc catalogue has a user, and no other has"
                yield Problem(f"{path}.user", shown(iceberg.user), allowed, "correct it")
            if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w./=-]+)?", iceberg.warehouse):
                yield Problem(f"{path}.warehouse", shown(iceberg.warehouse), "it is s3://bucket/prefix", "correct it")
            if not _TABLE.fullmatch(iceberg.table):
                yield Problem(f"{path}.table", shown(iceberg.table), "it is namespace.table", "correct it")
            if not 1 <= iceberg.commit_interval.total_seconds() <= 86400:
                value = shown(iceberg.commit_interval)
                yield Problem(f"{path}.commit_interval", value, "allowed are 1s to 1d", "correct it")
        if connector.s3 is not None and connector.s3.flush_size < 1:
            at_size = f"{at}.s3.flush_size"
            yield Problem(at_size, shown(connector.s3.flush_size), "it must be at least 1", "raise it")


def connector_settings(parts: Parts) -> Iterator[Problem]:
    """Further settings are neither what the declaration decides nor secrets; secrets have names, not values."""
    for path, connector in _connectors(parts):
        for name, value in connector.config.items():
            at = f"{path}.{dotted(['config', name])}"
            if _OWNED.fullmatch(name):
                yield Problem(at, shown(value), "it follows from the declaration", "use the field it follows from")
            elif is_secret_name(name):
                yield Problem(at, "", "a connector's configuration is readable for its administrators", "use secrets")
            elif name in connector.secrets:
                yield Problem(at, shown(value), "it is one of its secrets too", "remove one of them")
        for setting, name in connector.secrets.items():
            at = f"{path}.{dotted(['secrets', setting])}"
            if not _SECRET.fullmatch(name):
                allowed = "the name of a secret has at most 64 of the characters a-z 0-9 _ -"
                yield Problem(at, "its value", allowed, "give the secret's name here; its value is set elsewhere")
            elif _OWNED.fullmatch(setting):
                yield Problem(at, shown(name), "it follows from the declaration", "remove it")
        wanted = "database.password" if connector.outbox else ""
        if connector.iceberg is not None and connector.iceberg.catalog is CatalogType.JDBC:
            wanted = "iceberg.catalog.jdbc.password"
        if wanted and wanted not in connector.secrets:
            at = f"{path}.{dotted(['secrets', wanted])}"
            yield Problem(at, "", f"it is missing: the password {_PASSWORDS[wanted]}", "name the secret that holds it")


def derived_secrets(parts: Parts) -> Iterator[Problem]:
    """Derived secrets are used, and have names."""
    connect = parts.connect
    if connect is None:
        return
    for index, name in enumerate(connect.derived_secrets):
        path = f"connect.derived_secrets[{index}]"
        if not _SECRET.fullmatch(name):
            allowed = "the name of a secret has at most 64 of the characters a-z 0-9 _ -"
            yield Problem(path, "its value", allowed, "correct it")
        elif name in connect.derived_secrets[:index]:
            yield Problem(path, shown(name), "it is listed twice", "remove one")
        elif name not in connect.secret_names:
            yield Problem(path, shown(name), "no connector uses it", "remove it")
