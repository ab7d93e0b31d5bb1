"""Generated histories: a random schema, and successors that differ from it by a few random changes."""

import copy
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final

from contracts.errors import ContractError
from contracts.parser import parse
from tests.corpus.case import Case, Json, array, enum, field, fixed, map_of, record, sequence

SEED: Final = 20_261_124
COUNT: Final = 160
_PRIMITIVES: Final = ("boolean", "int", "long", "float", "double", "bytes", "string")
_DEFAULTS: Final[dict[str, Json]] = {
    "null": None,
    "boolean": False,
    "int": 1,
    "long": 2,
    "float": 0.5,
    "double": 1.5,
    "bytes": "ab",
    "string": "text",
}
_WORDS: Final = ("alpha", "beta", "gamma", "delta", "kappa", "sigma", "omega", "theta")
_SYMBOLS: Final = ("RED", "GREEN", "BLUE", "GREY", "PINK")


class _Maker:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._count = 0
        self._open: list[str] = []
        """Records that are being made, which may contain themselves."""

    def name(self) -> str:
        self._count += 1
        return f"com.example.T{self._count}"

    def schema(self, depth: int) -> Json:
        kinds: list[Callable[[int], Json]] = [self._primitive] * 4
        if depth > 0:
            kinds += [self._array, self._map, self._union, self._union, self.record, self._enum, self._fixed]
        if self._open:
            kinds.append(self._recursion)
        return self._random.choice(kinds)(depth)

    def record(self, depth: int) -> Json:
        name = self.name()
        self._open.append(name)
        fields = [self.field(word, depth - 1) for word in self._random.sample(_WORDS, self._random.randint(1, 4))]
        self._open.pop()
        return record(*fields, name=name)

    def field(self, name: str, depth: int) -> Json:
        schema = self.schema(depth)
        made = field(name, schema)
        if self._random.random() < 0.4 and (value := default(schema)) is not None:
            made["default"] = value[0]
        return made

    def _primitive(self, _depth: int) -> Json:
        return self._random.choice(_PRIMITIVES)

    def _recursion(self, _depth: int) -> Json:
        name = self._random.choice(self._open)
        return self._random.choice((["null", name], array(name)))

    def _array(self, depth: int) -> Json:
        return array(self.schema(depth - 1))

    def _map(self, depth: int) -> Json:
        # Apicurio runs out of stack where a map leads back to a record around it; tests/corpus/odd.py has that.
        around, self._open = self._open, []
        made = map_of(self.schema(depth - 1))
        self._open = around
        return made

    def _union(self, depth: int) -> Json:
        branches: dict[str, Json] = {"null": "null"}
        for _ in range(self._random.randint(1, 3)):
            branch = self.schema(depth - 1)
            if not isinstance(branch, list):
                branches.setdefault(branch if isinstance(branch, str) else branch.get("name", branch["type"]), branch)
        made = list(branches.values())
        self._random.shuffle(made)
        return made

    def _enum(self, _depth: int) -> Json:
        symbols = self._random.sample(_SYMBOLS, self._random.randint(1, 4))
        more = {"default": symbols[0]} if self._random.random() < 0.4 else {}
        return enum(*symbols, name=self.name(), **more)

    def _fixed(self, _depth: int) -> Json:
        return fixed(self._random.choice((4, 8, 16)), name=self.name())


def default(schema: Json) -> list[Json] | None:
    """Return a default of the schema, in a list; None when it has no simple one."""
    match schema:
        case str():
            return [_DEFAULTS[schema]] if schema in _DEFAULTS else None
        case list():
            return default(schema[0])
        case {"type": "array"}:
            return [[]]
        case {"type": "map"}:
            return [{}]
        case {"type": "enum", "symbols": [first, *_]}:
            return [first]
        case {"type": "fixed", "size": size}:
            return ["x" * size]
    return None


def nodes(schema: Json) -> Iterator[tuple[Any, Any]]:
    """Yield every place of a schema as its container and key, the outer before the inner ones."""
    match schema:
        case list():
            for index, branch in enumerate(schema):
                yield schema, index
                yield from nodes(branch)
        case {"type": "record", "fields": fields}:
            for one in fields:
                yield one, "type"
                yield from nodes(one["type"])
        case {"type": "array"}:
            yield schema, "items"
            yield from nodes(schema["items"])
        case {"type": "map"}:
            yield schema, "values"
            yield from nodes(schema["values"])


class _Changes:
    """Random changes of a schema, in place."""

    def __init__(self, random: Random, maker: _Maker) -> None:
        self._random = random
        self._maker = maker

    def one(self, schema: Json) -> None:
        change = self._random.choice(
            (
                self._add_field,
                self._add_field,
                self._remove_field,
                self._rename_field,
                self._toggle_default,
                self._shuffle,
                self._type,
                self._type,
                self._promote,
                self._promote,
                self._promote,
                self._optional,
                self._branch,
                self._symbols,
                self._symbols,
                self._named,
            )
        )
        change(schema)

    def _of(self, schema: Json, kind: str) -> list[Json]:
        places = [schema, *(container[key] for container, key in nodes(schema))]
        return [place for place in places if isinstance(place, dict) and place["type"] == kind]

    def _record(self, schema: Json) -> Json:
        return self._random.choice(self._of(schema, "record"))

    def _add_field(self, schema: Json) -> None:
        target = self._record(schema)
        free = [word for word in _WORDS if word not in [one["name"] for one in target["fields"]]]
        if free:
            made = self._maker.field(self._random.choice(free), 1)
            target["fields"].insert(self._random.randint(0, len(target["fields"])), made)

    def _remove_field(self, schema: Json) -> None:
        if fields := self._record(schema)["fields"]:
            fields.pop(self._random.randrange(len(fields)))

    def _rename_field(self, schema: Json) -> None:
        if fields := self._record(schema)["fields"]:
            one = self._random.choice(fields)
            if self._random.random() < 0.6:
                one["aliases"] = [one["name"]]
            one["name"] += "_2"

    def _toggle_default(self, schema: Json) -> None:
        if fields := self._record(schema)["fields"]:
            one = self._random.choice(fields)
            if "default" in one:
                del one["default"]
            elif (value := default(one["type"])) is not None:
                one["default"] = value[0]

    def _shuffle(self, schema: Json) -> None:
        self._random.shuffle(self._record(schema)["fields"])

    def _type(self, schema: Json) -> None:
        if places := list(nodes(schema)):
            container, key = self._random.choice(places)
            _put(container, key, self._maker.schema(1))

    def _promote(self, schema: Json) -> None:
        wider = {"int": "long", "long": "double", "float": "double", "string": "bytes", "bytes": "string"}
        places = [(container, key) for container, key in nodes(schema) if str(container[key]) in wider]
        if places:
            container, key = self._random.choice(places)
            _put(container, key, wider[container[key]])

    def _optional(self, schema: Json) -> None:
        places = [(box, key) for box, key in nodes(schema) if not isinstance(box, list) and box[key] != "null"]
        if not places:
            return
        container, key = self._random.choice(places)
        inner = container[key]
        _put(container, key, self._random.choice(inner) if isinstance(inner, list) else ["null", inner])

    def _branch(self, schema: Json) -> None:
        unions = [container[key] for container, key in nodes(schema) if isinstance(container[key], list)]
        if unions:
            union = self._random.choice(unions)
            if len(union) > 1 and self._random.random() < 0.5:
                union.pop(self._random.randrange(len(union)))
            else:
                union.append(self._maker.schema(0))

    def _symbols(self, schema: Json) -> None:
        if enums := self._of(schema, "enum"):
            one = self._random.choice(enums)
            free = [symbol for symbol in _SYMBOLS if symbol not in one["symbols"]]
            if free and self._random.random() < 0.5:
                one["symbols"].append(self._random.choice(free))
            elif len(one["symbols"]) > 1:
                one["symbols"].pop()

    def _named(self, schema: Json) -> None:
        """Change what a named type is called, or how large it is."""
        named = [one for kind in ("record", "enum", "fixed") for one in self._of(schema, kind)]
        one = self._random.choice(named)
        if "size" in one and self._random.random() < 0.5:
            one["size"] *= 2
            return
        space, _, short = one["name"].rpartition(".")
        if self._random.random() < 0.5:
            one["aliases"] = [one["name"]]
            one["name"] = f"{space}.{short}b"
        else:
            one["name"] = f"org.example.{short}"


def _put(container: Any, key: Any, schema: Json) -> None:
    """Put a schema in another's place; a field's default is made anew, so that it fits."""
    container[key] = schema
    if isinstance(container, dict) and "default" in container:
        del container["default"]
        if (value := default(schema)) is not None:
            container["default"] = value[0]


def _valid(schema: Json) -> bool:
    try:
        parse(json.dumps(schema))
    except ContractError:
        return False
    return True


def _successor(schema: Json, random: Random, maker: _Maker) -> Json:
    changes = _Changes(random, maker)
    while True:
        made = copy.deepcopy(schema)
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            changes.one(made)
        if made != schema and _valid(made):
            return made


def generate(seed: int = SEED, count: int = COUNT) -> tuple[Case, ...]:
    """Return ``count`` cases, the same for the same seed: histories of one to three versions, and a successor.

    A successor starts from any version of the history, and equals none.
    """
    cases: list[Case] = []
    while len(cases) < count:
        random = Random(f"{seed}/{len(cases)}")  # noqa: S311
        maker = _Maker(random)
        first = maker.record(3)
        while not _valid(first):
            first = maker.record(3)
        versions = [first]
        for _ in range(random.choice((1, 1, 2, 2, 3))):
            made = _successor(random.choice(versions[-2:]), random, maker)
            while made in versions:
                made = _successor(made, random, maker)
            versions.append(made)
        *history, new = versions
        cases.append(sequence(f"generated {len(cases)}", history, new))
    return tuple(cases)


GENERATED: Final = generate()
