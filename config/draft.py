"""What can be read of a part that has mistakes, so that the rules still see the rest of it."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from config.base import Spec

Model = TypeVar("Model", bound=Spec)


class _Unreadable(Exception):
    """A value that isn't even of the right shape."""


def draft(model: type[Model], fields: Mapping[str, Any]) -> Model:
    """Build a model from the fields that are right; reading one of the others raises AttributeError."""
    good: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        if name in fields:
            with suppress(ValidationError, _Unreadable):
                good[name] = _read(info, fields[name])
        elif not info.is_required():
            good[name] = info.get_default(call_default_factory=True)
    made = cast(Model, model.model_construct(**good))
    for name in model.model_fields.keys() - good.keys():
        made.__dict__.pop(name, None)
    return made


def _read(info: FieldInfo, value: Any) -> Any:
    annotation: Any = info.annotation
    if _is_spec(annotation):
        return _draft_of(annotation, value)
    if get_origin(annotation) is tuple and _is_spec(get_args(annotation)[0]):
        if not isinstance(value, list | tuple):
            raise _Unreadable
        return tuple(_draft_of(get_args(annotation)[0], item) for item in value)
    whole: Any = Annotated[(annotation, *info.metadata)] if info.metadata else annotation
    return TypeAdapter(whole).validate_python(value)


def _draft_of(model: type[Spec], value: Any) -> Spec:
    if isinstance(value, model):
        return value
    if not isinstance(value, Mapping):
        raise _Unreadable
    return draft(model, value)


def _is_spec(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Spec)
