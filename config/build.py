"""From plain values to the typed tree of a stack, or to all their problems at once."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from config.aws import AwsSpec
from config.backup import BackupSpec
from config.base import Spec
from config.connect import ConnectSpec
from config.consoles import ConsolesSpec
from config.draft import draft
from config.errors import ConfigError, Problem, dotted, from_pydantic, near, shown, suggestion
from config.kafka import KafkaClusterSpec
from config.ksqldb import KsqlDbSpec
from config.parts import Parts
from config.platform import KubernetesSpec, PlatformSpec
from config.rules import RULES
from config.schema_registry import SchemaRegistrySpec
from config.service import ServiceSpec
from config.topic import TopicDefaultsSpec, TopicSpec
from config.yaml_file import read_yaml

KEYS: Final = frozenset(
    {
        *("kubernetes", "kafka", "topics", "services", "topic_defaults", "allow_data_loss", "protect", "image_digest"),
        *("schema_registry", "connect", "ksqldb", "consoles", "backup", "aws"),
    }
)
"""What a stack's configuration and an overlay may hold; ``master_secret`` goes another way, see config/load.py."""

Model = TypeVar("Model", bound=Spec)


def merge(base: Any, over: Any) -> Any:
    """Lay one tree over another: mappings merge by key, lists of named mappings by ``name``, all else is replaced.

    A list that names an item its base doesn't have replaces the base. A null replaces too: it doesn't remove.
    """
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        return {**base, **{key: merge(base.get(key), value) for key, value in over.items()}}
    if _named(base) and _named(over):
        names = [item["name"] for item in base]
        if len(set(names)) == len(names) and all(item["name"] in names for item in over):
            changes = {item["name"]: item for item in over}
            return [merge(item, changes.get(item["name"], {})) for item in base]
    return over


def _named(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, Mapping) and isinstance(item.get("name"), str) for item in value)
    )


@cache
def catalogue() -> Mapping[str, Any]:
    """Return the topics and services that all stacks share, as they are written."""
    return dict(read_yaml((Path(__file__).parent / "catalogue.yaml").read_text()))


def build_platform(stack: str, values: Mapping[str, Any]) -> PlatformSpec:
    """Lay a stack's values over the catalogue and check the whole.

    Raises ConfigError that names every problem, not only the first.
    """
    return _Builder(stack, values).build()


class _Builder:
    """Collects problems while the parts are read."""

    def __init__(self, stack: str, values: Mapping[str, Any]) -> None:
        self.stack = stack
        self.values = values
        self.problems: list[Problem] = []

    def build(self) -> PlatformSpec:
        self._refuse_unknown_keys()
        protect = self._protect()
        losses = self._losses()
        digest = self._digest()
        defaults = self._defaults()
        kubernetes = self._section(KubernetesSpec, "kubernetes")
        kafka = self._section(KafkaClusterSpec, "kafka", digest)
        entries, disabled = self._entries("topics", TopicSpec)
        topics = tuple(
            self._parse(TopicSpec, merge(defaults, fields), ("topics", name), name=name)
            for name, fields in entries.items()
        )
        clients, _ = self._entries("services", ServiceSpec)
        services = tuple(
            self._parse(ServiceSpec, fields, ("services", name), id=name) for name, fields in clients.items()
        )
        registry = self._optional(SchemaRegistrySpec, "schema_registry")
        connect = self._optional(ConnectSpec, "connect")
        ksqldb = self._optional(KsqlDbSpec, "ksqldb")
        consoles = self._optional(ConsolesSpec, "consoles")
        backup = self._optional(BackupSpec, "backup")
        aws = self._optional(AwsSpec, "aws")
        parts = Parts(
            stack=self.stack,
            protect=protect,
            kubernetes=kubernetes,
            kafka=kafka,
            topics=topics,
            services=services,
            topic_names=frozenset(entries),
            disabled_topics=frozenset(disabled),
            schema_registry=registry,
            connect=connect,
            ksqldb=ksqldb,
            consoles=consoles,
            backup=backup,
            aws=aws,
            allow_data_loss=losses,
        )
        self._apply_rules(parts)
        if self.problems or kubernetes is None or kafka is None:
            raise ConfigError(self.problems)
        return PlatformSpec(
            stack=self.stack,
            protect=protect,
            kubernetes=kubernetes,
            kafka=kafka,
            topics=topics,
            services=services,
            schema_registry=registry,
            connect=connect,
            ksqldb=ksqldb,
            consoles=consoles,
            backup=backup,
            aws=aws,
            allow_data_loss=losses,
        )

    def _note(self, at: Sequence[str | int], value: str, allowed: str, remedy: str) -> None:
        self.problems.append(Problem(dotted(at), value, allowed, remedy))

    def _refuse_unknown_keys(self) -> None:
        for key in sorted(set(self.values) - KEYS):
            if key == "master_secret":
                remedy = "remove it here, and set it with pulumi config set --secret"
                self._note([key], "", "it stands in plain text", remedy)
            else:
                self._note([key], "", "there is no such key", suggestion(key, KEYS))

    def _protect(self) -> bool:
        protect = self.values.get("protect", True)
        if isinstance(protect, bool):
            return protect
        self._note(["protect"], shown(protect), "it must be true or false", "correct the value")
        return True

    def _losses(self) -> tuple[str, ...]:
        losses = self.values.get("allow_data_loss", [])
        if isinstance(losses, list) and all(isinstance(name, str) for name in losses):
            return tuple(losses)
        self._note(["allow_data_loss"], shown(losses), "it must be a list of topic names", "correct the value")
        return ()

    def _digest(self) -> str | None:
        digest = self.values.get("image_digest") or None
        if digest is None or (isinstance(digest, str) and re.fullmatch(r"sha256:[0-9a-f]{64}", digest)):
            return digest
        allowed = "a digest is sha256: and 64 hexadecimal digits"
        self._note(["image_digest"], shown(digest), allowed, "copy it as the registry shows it")
        return None

    def _defaults(self) -> Mapping[str, Any]:
        """Return the defaults that are right; what is wrong is told here, not again under every topic."""
        fields = self._mapping(self.values.get("topic_defaults", {}), ["topic_defaults"]) or {}
        read = self._parse(TopicDefaultsSpec, fields, ["topic_defaults"])
        return {
            key: fields[key]
            for key in TopicDefaultsSpec.model_fields
            if fields.get(key) is not None and hasattr(read, key)
        }

    def _section(self, model: type[Model], key: str, digest: str | None = None) -> Model | None:
        if key not in self.values:
            self._note([key], "", "it is missing", f"add it to Pulumi.{self.stack}.yaml as kafka-platform:{key}")
            return None
        fields = self._mapping(self.values[key], [key])
        if fields is None:
            return None
        if digest and isinstance(fields.get("image"), str):
            if "@" in fields["image"]:
                self._note(["image_digest"], shown(digest), "kafka.image has a digest already", "remove one of them")
            else:
                fields = {**fields, "image": f"{fields['image']}@{digest}"}
        return self._parse(model, fields, [key])

    def _optional(self, model: type[Model], key: str) -> Model | None:
        return self._section(model, key) if key in self.values else None

    def _entries(self, key: str, model: type[Spec]) -> tuple[dict[str, Mapping[str, Any]], list[str]]:
        """Return the catalogue's entries with the stack's laid over them, and the names of those switched off."""
        shared: Mapping[str, Any] = catalogue()[key]
        own = self._mapping(self.values.get(key, {}), [key]) or {}
        found: dict[str, Mapping[str, Any]] = dict(shared)
        disabled: list[str] = []
        needed = {field for field, info in model.model_fields.items() if info.is_required()} - {"name", "id"}
        for name, over in own.items():
            if over is None and name in shared:
                self._note([key, name], "null", "it removes nothing", "write enabled: false to leave it out")
                continue
            fields = self._mapping(over, [key, name])
            if fields is None:
                continue
            enabled = fields.get("enabled", True)
            rest = {field: value for field, value in fields.items() if field != "enabled"}
            if not isinstance(enabled, bool):
                self._note([key, name, "enabled"], shown(enabled), "it must be true or false", "correct the value")
            elif not enabled and name in shared:
                disabled.append(name)
                del found[name]
                continue
            elif not enabled:
                allowed = "only an entry of the catalogue can be switched off"
                self._note([key, name, "enabled"], "false", allowed, suggestion(name, shared))
                continue
            if name not in shared and needed - rest.keys() and (close := near(name, shared)):
                self._note([key, name], "", "the catalogue has no such entry", close)
                continue
            found[name] = merge(shared.get(name, {}), rest)
        return found, disabled

    def _mapping(self, value: Any, at: Sequence[str]) -> Mapping[str, Any] | None:
        if isinstance(value, Mapping):
            return value
        self._note(at, shown(value), "it must be a mapping", "correct the value")
        return None

    def _parse(self, model: type[Model], fields: Mapping[str, Any], at: Sequence[str], **given: str) -> Model:
        """Read one part; of one with mistakes, which are noted, what is right (config/draft.py)."""
        for key in sorted(given.keys() & fields.keys()):
            self._note([*at, key], shown(fields[key]), f"the {key} is the key above it", "remove it")
        whole = {**fields, **given}
        try:
            return model.model_validate(whole)
        except ValidationError as error:
            self.problems.extend(from_pydantic(error, model, at))
            return draft(model, whole)

    def _apply_rules(self, parts: Parts) -> None:
        complete = not self.problems
        for rule in RULES:
            try:
                for problem in rule(parts):
                    self.problems.append(problem)
            except AttributeError:
                # A rule needs a field that couldn't be read; that has been told.
                if complete:
                    raise
