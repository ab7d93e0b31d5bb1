"""Mistakes in a schema and the sentences they are answered with; names, defaults, logical types, recursion."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.avro import Array, Enum, Fixed, Logical, Primitive, Record, Union, described
from contracts.errors import ContractError
from contracts.parser import parse

TABLE: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "bad_schemas.yaml").read_text())


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row["says"][0][:60])
def test_every_mistake_has_its_sentences(row: dict[str, Any]) -> None:
    with pytest.raises(ContractError) as caught:
        parse(row["schema"])
    assert [str(problem) for problem in caught.value.problems] == row["says"]


def test_a_problem_names_its_subject() -> None:
    with pytest.raises(ContractError) as caught:
        parse('{"type": "record", "name": "R", "fields": [{"name": "a"}]}', subject="orders-value")
    assert str(caught.value) == "orders-value: a: it needs a type"


@pytest.mark.parametrize("depth", [150, 100_000])
def test_a_schema_without_bottom_is_refused(depth: int) -> None:
    with pytest.raises(ContractError) as caught:
        parse('{"type": "array", "items": ' * depth + '"int"' + "}" * depth)
    assert caught.value.problems[0].message == "it is nested deeper than 100 levels"


def test_names_take_the_enclosing_namespace() -> None:
    parsed = parse(
        """{"type": "record", "name": "R", "namespace": "a.b", "aliases": ["Old", "c.Older"], "fields": [
            {"name": "x", "type": {"type": "enum", "name": "E", "symbols": ["X"]}},
            {"name": "y", "type": {"type": "record", "name": "c.S", "fields": [
                {"name": "z", "type": {"type": "fixed", "name": "F", "size": 1}}]}},
            {"name": "e", "type": "E"},
            {"name": "f", "type": "c.F"},
            {"name": "n", "type": {"type": "fixed", "name": "N", "namespace": "", "size": 1}},
            {"name": "m", "type": "N"}
        ]}"""
    )
    assert [schema.full_name for schema in parsed.defined] == ["a.b.R", "a.b.E", "c.S", "c.F", "N"]
    assert parsed.defined[0].aliases == {"a.b.Old", "c.Older"}
    assert isinstance(parsed.schema, Record)
    uses = {field.name: field.schema for field in parsed.schema.fields}
    assert uses["e"] is uses["x"]
    assert uses["m"] is uses["n"]


def test_given_types_are_known_and_not_defined_again() -> None:
    shared = parse('{"type": "fixed", "name": "a.F", "size": 4}').named
    parsed = parse('{"type": "array", "items": "a.F"}', named=shared)
    assert isinstance(parsed.schema, Array)
    assert parsed.schema.items is shared["a.F"]
    assert parsed.defined == ()


def test_a_record_may_contain_itself_in_its_default() -> None:
    parsed = parse(
        '{"type": "record", "name": "R", "fields": [{"name": "next", "type": ["null", "R"], "default": null}]}'
    )
    assert isinstance(parsed.schema, Record)
    (following,) = parsed.schema.fields
    assert isinstance(following.schema, Union)
    assert following.schema.branches[1] is parsed.schema
    assert (following.has_default, following.default) == (True, None)


@pytest.mark.parametrize(
    ("schema", "logical", "text"),
    [
        ('{"type": "string", "logicalType": "uuid"}', Logical("uuid"), "string (uuid)"),
        (
            '{"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}',
            Logical("decimal", 9, 2),
            "bytes (decimal(9, 2))",
        ),
        (
            '{"type": "bytes", "logicalType": "decimal", "precision": 9}',
            Logical("decimal", 9, 0),
            "bytes (decimal(9, 0))",
        ),
        ('{"type": "long", "logicalType": "mood"}', Logical("mood"), "long (mood)"),
        (
            '{"type": "fixed", "name": "a.F", "size": 12, "logicalType": "duration"}',
            Logical("duration"),
            "a.F of 12 bytes (duration)",
        ),
    ],
)
def test_logical_types(schema: str, logical: Logical, text: str) -> None:
    parsed = parse(schema).schema
    assert isinstance(parsed, Primitive | Fixed)
    assert parsed.logical == logical
    assert described(parsed) == text


@pytest.mark.parametrize(
    ("schema", "default"),
    [
        ('"double"', "1"),
        ('"float"', "-0.5"),
        ('"long"', "9223372036854775807"),
        ('"bytes"', '"\\u00ff"'),
        ('{"type": "map", "values": ["null", "int"]}', '{"k": null}'),
        ('{"type": "record", "name": "S", "fields": [{"name": "b", "type": "int", "default": 1}]}', "{}"),
        ('["null", "string"]', "null"),
    ],
)
def test_good_defaults(schema: str, default: str) -> None:
    parsed = parse(
        f'{{"type": "record", "name": "R", "fields": [{{"name": "a", "type": {schema}, "default": {default}}}]}}'
    )
    assert isinstance(parsed.schema, Record)
    assert parsed.schema.fields[0].has_default


def test_an_enum_keeps_its_default() -> None:
    schema = parse('{"type": "enum", "name": "E", "symbols": ["X", "Y"], "default": "Y"}').schema
    assert isinstance(schema, Enum)
    assert (schema.symbols, schema.default) == (("X", "Y"), "Y")
