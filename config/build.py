"""From plain values to the typed tree of a stack, or to all their problems at once."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from config.errors import ConfigError, Problem, dotted, from_pydantic, shown, suggestion
from config.kafka import KafkaClusterSpec
from config.parts import Parts
from config.platform import KubernetesSpec, PlatformSpec
from config.rules import RULES
from config.service import ServiceSpec
from config.topic import TopicSpec

KEYS = frozenset({"kubernetes", "kafka", "topics", "services", "topic_defaults", "allow_data_loss", "protect"})
"""What a stack's configuration and an overlay may hold; ``master_secret`` goes another way, see config/load.py."""

Model = TypeVar("Model", bound=BaseModel)


def merge(base: Any, over: Any) -> Any:
    """Lay one tree over another: mappings merge by key, lists of named mappings by ``name``, all else is replaced."""
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
def _catalogue() -> Mapping[str, Any]:
    document = yaml.safe_load((Path(__file__).parent / "catalogue.yaml").read_text())
    return dict(document)


def build_platform(stack: str, values: Mapping[str, Any]) -> PlatformSpec:
    """Lay a stack's values over the catalogue and check the whole.

    Raises ConfigError that names every problem, not only the first.
    """
    problems: list[Problem] = []
    for key in sorted(set(values) - KEYS):
        problems.append(Problem(key, "", "there is no such key", suggestion(key, KEYS | {"master_secret"})))
    sections = {
        key: merge(_catalogue().get(key, {}), _mapping(values.get(key), (key,), problems))
        for key in ("kubernetes", "kafka", "topics", "services", "topic_defaults")
    }
    protect = values.get("protect", True)
    if not isinstance(protect, bool):
        problems.append(Problem("protect", shown(protect), "it must be true or false", "correct the value"))
        protect = True
    losses = values.get("allow_data_loss", [])
    if not (isinstance(losses, list) and all(isinstance(name, str) for name in losses)):
        problems.append(
            Problem("allow_data_loss", shown(losses), "it must be a list of topic names", "correct the value")
        )
        losses = []
    topics = (
        _parse(TopicSpec, merge(sections["topic_defaults"], fields), ("topics", name), problems, name=name)
        for name, fields in _entries(sections["topics"], "topics", problems)
    )
    services = (
        _parse(ServiceSpec, fields, ("services", name), problems, id=name)
        for name, fields in _entries(sections["services"], "services", problems)
    )
    parts = Parts(
        stack=stack,
        protect=protect,
        kubernetes=_parse(KubernetesSpec, sections["kubernetes"], ("kubernetes",), problems),
        kafka=_parse(KafkaClusterSpec, sections["kafka"], ("kafka",), problems),
        topics=tuple(topic for topic in topics if topic),
        services=tuple(service for service in services if service),
        topic_names=frozenset(str(name) for name in sections["topics"]),
        allow_data_loss=tuple(losses),
    )
    for rule in RULES:
        problems.extend(rule(parts))
    if problems or parts.kubernetes is None or parts.kafka is None:
        raise ConfigError(problems)
    return PlatformSpec(
        stack=stack,
        protect=protect,
        kubernetes=parts.kubernetes,
        kafka=parts.kafka,
        topics=parts.topics,
        services=parts.services,
        allow_data_loss=parts.allow_data_loss,
    )


def _mapping(value: Any, at: Sequence[str], problems: list[Problem]) -> Mapping[str, Any]:
    if value is None or isinstance(value, Mapping):
        return value or {}
    problems.append(Problem(dotted(at), shown(value), "it must be a mapping", "correct the value"))
    return {}


def _entries(section: Mapping[Any, Any], key: str, problems: list[Problem]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, fields in section.items():
        yield str(name), _mapping(fields, (key, str(name)), problems)


def _parse(
    model: type[Model], fields: Mapping[str, Any], at: Sequence[str], problems: list[Problem], **given: str
) -> Model | None:
    """Parse one part; what can be left out is, after its problem is noted, so that the rules still see the rest."""
    clash = sorted(given.keys() & fields.keys())
    problems.extend(
        Problem(dotted([*at, key]), shown(fields[key]), f"the {key} is the key above it", "remove it") for key in clash
    )
    rest: Any = {**fields, **given}
    for _ in range(8):
        try:
            return model.model_validate(rest)
        except ValidationError as error:
            found = from_pydantic(error, model, at)
            fresh = [problem for problem in found if problem not in problems]
            if not fresh or any(details["type"] == "missing" for details in error.errors()):
                problems.extend(problem for problem in fresh if not _follows(problem, problems))
                return None
            problems.extend(fresh)
            for details in error.errors():
                rest = _without(rest, details["loc"])
    return None


def _follows(problem: Problem, known: Sequence[Problem]) -> bool:
    """A key whose value was refused and left out isn't missing."""
    return not problem.value and any(
        other.path == problem.path or other.path.startswith(problem.path) for other in known
    )


def _without(tree: Any, location: Sequence[str | int]) -> Any:
    head, *tail = location
    if isinstance(tree, Mapping) and head in tree:
        if tail and isinstance(tree[head], Mapping | list):
            return {**tree, head: _without(tree[head], tail)}
        return {key: value for key, value in tree.items() if key != head}
    if isinstance(tree, list) and isinstance(head, int) and head < len(tree):
        if tail and isinstance(tree[head], Mapping | list):
            return [*tree[:head], _without(tree[head], tail), *tree[head + 1 :]]
        return [*tree[:head], *tree[head + 1 :]]
    return tree
