"""YAML that hides nothing: a key given twice, or one that is no text, is an error."""

from typing import Any

import yaml

_Base: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]  # chosen above
    pass


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[str, Any]:
    loader.flatten_mapping(node)
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise yaml.MarkedYAMLError(problem=f"key {key!r} is no text: quote it", problem_mark=key_node.start_mark)
        if key in found:
            raise yaml.MarkedYAMLError(problem=f"key {key!r} is there twice", problem_mark=key_node.start_mark)
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read_yaml(text: str) -> Any:
    """Parse one document; raises yaml.YAMLError, with the line in it."""
    return yaml.load(text, _Loader)  # noqa: S506


def yaml_problem(error: yaml.YAMLError) -> str:
    """Return what is wrong in one clause, with its line."""
    mark = getattr(error, "problem_mark", None)
    text = getattr(error, "problem", None) or "it is no YAML"
    return f"{text} (line {mark.line + 1})" if mark else str(text)
