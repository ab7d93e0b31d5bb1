"""Hand-picked pairs: each rule of schema resolution by itself, and where the rules meet."""

from itertools import permutations
from typing import Final

from tests.corpus.case import Case, Json, array, enum, field, fixed, map_of, of, pair, record

PRIMITIVES: Final = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
PROMOTIONS: Final = {
    ("int", "long"),
    ("int", "float"),
    ("int", "double"),
    ("long", "float"),
    ("long", "double"),
    ("float", "double"),
    ("string", "bytes"),
    ("bytes", "string"),
}
"""Writer, reader: the specification's table."""

PRIMITIVE_PAIRS: Final = tuple(
    pair(f"{old} to {new}", of(old), of(new), reads=(old, new) in PROMOTIONS, read_by=(new, old) in PROMOTIONS)
    for old, new in permutations(PRIMITIVES, 2)
)

A: Final = field("a", "int")
B: Final = field("b", "string")
B_DEFAULT: Final = field("b", "string", default="")

FIELD_PAIRS: Final = (
    pair("a field with default is added", record(A), record(A, B_DEFAULT), reads=True, read_by=True),
    pair("a field without default is added", record(A), record(A, B), reads=False, read_by=True),
    pair("a field with default is removed", record(A, B_DEFAULT), record(A), reads=True, read_by=True),
    pair("a field without default is removed", record(A, B), record(A), reads=True, read_by=False),
    pair("fields change places", record(A, B), record(B, A), reads=True, read_by=True),
    pair("a default is added", record(A, B), record(A, B_DEFAULT), reads=True, read_by=True),
    pair("a default is removed", record(A, B_DEFAULT), record(A, B), reads=True, read_by=True),
    pair(
        "a default changes",
        record(A, B_DEFAULT),
        record(A, field("b", "string", default="x")),
        reads=True,
        read_by=True,
    ),
    pair("a doc changes", record(A, doc="one"), record(A, doc="two"), reads=True, read_by=True),
    pair("a property is added", record(A), record(A, owner="me"), reads=True, read_by=True),
    pair("an order changes", record(A), record(field("a", "int", order="ignore")), reads=True, read_by=True),
    pair("a record loses all fields", record(A), record(), reads=True, read_by=False),
    pair("a record gets its first field", record(), record(A), reads=False, read_by=True),
    pair("a field is renamed", record(A, B), record(A, field("c", "string")), reads=False, read_by=False),
    pair(
        "a field is renamed, with an alias",
        record(A, B),
        record(A, field("c", "string", aliases=["b"])),
        reads=True,
        read_by=False,
    ),
    pair(
        "a field with default is renamed, with an alias and a default",
        record(A, B_DEFAULT),
        record(A, field("c", "string", aliases=["b"], default="")),
        reads=True,
        read_by=True,
    ),
    pair(
        "a field is renamed, with an alias, and has another type",
        record(A, B),
        record(A, field("c", "int", aliases=["b"])),
        reads=False,
        read_by=False,
    ),
    pair(
        "an alias fits no field",
        record(A, B),
        record(A, field("c", "string", aliases=["x", "y"])),
        reads=False,
        read_by=False,
    ),
    pair(
        "two aliases fit two fields",
        record(A, B, field("c", "string")),
        record(A, field("d", "string", aliases=["b", "c"])),
        reads=False,
        read_by=False,
    ),
    pair(
        "an alias beside the name fits too",
        record(A, B),
        record(field("a", "int"), field("c", "string", default="", aliases=["b"])),
        reads=True,
        read_by=False,
    ),
    pair(
        "a field's name differs in case",
        record(field("user_id", "int")),
        record(field("user_Id", "int")),
        reads=False,
        read_by=False,
    ),
    pair(
        "the last field's type changes beside good ones",
        record(A, B, field("c", "long")),
        record(A, B, field("c", "string")),
        reads=False,
        read_by=False,
    ),
    pair(
        "one field is wrong each way",
        record(A, field("c", "int")),
        record(field("a", "long"), field("c", "int"), B),
        reads=False,
        read_by=False,
    ),
)

NAME_PAIRS: Final = (
    pair("a record is renamed", record(A), record(A, name="com.example.Happening"), reads=False, read_by=False),
    pair(
        "a record is renamed, with an alias",
        record(A),
        record(A, name="com.example.Happening", aliases=["Event"]),
        reads=True,
        read_by=False,
    ),
    pair(
        "a record is renamed, with a full alias",
        record(A),
        record(A, name="org.example.Happening", aliases=["com.example.Event"]),
        reads=True,
        read_by=False,
    ),
    pair(
        "a record is renamed, with an alias in another namespace",
        record(A),
        record(A, name="org.example.Happening", aliases=["Event"]),
        reads=False,
        read_by=False,
    ),
    # Avro compares the last part of a name only, though the specification compares all of it for unions.
    pair("a record changes its namespace", record(A), record(A, name="org.example.Event"), reads=True, read_by=True),
    pair("a record loses its namespace", record(A), record(A, name="Event"), reads=True, read_by=True),
    pair(
        "a namespace is written apart from the name",
        record(A),
        record(A, name="Event", namespace="com.example"),
        reads=True,
        read_by=True,
    ),
    pair("an enum is renamed", of(enum("X")), of(enum("X", name="com.example.Sort")), reads=False, read_by=False),
    pair(
        "an enum is renamed, with an alias",
        of(enum("X")),
        of(enum("X", name="com.example.Sort", aliases=["Kind"])),
        reads=True,
        read_by=False,
    ),
    pair("a fixed is renamed", of(fixed(4)), of(fixed(4, name="com.example.Hash")), reads=False, read_by=False),
    pair(
        "a fixed is renamed, with an alias",
        of(fixed(4)),
        of(fixed(4, name="com.example.Hash", aliases=["com.example.Bytes"])),
        reads=True,
        read_by=False,
    ),
    pair(
        "a nested record is renamed",
        of(record(A, name="com.example.Inner")),
        of(record(A, name="com.example.Within")),
        reads=False,
        read_by=False,
    ),
    pair(
        "a record in a union changes its namespace",
        of(["null", record(A, name="com.example.Inner")]),
        of(["null", record(A, name="org.example.Inner")]),
        reads=True,
        read_by=True,
    ),
    pair(
        "a record in a union is renamed, with an alias",
        of(["null", record(A, name="com.example.Inner")]),
        of(["null", record(A, name="com.example.Within", aliases=["Inner"])]),
        reads=True,
        read_by=False,
    ),
    pair("an alias is added", record(A), record(A, aliases=["Old"]), reads=True, read_by=True),
)

ENUM_FIXED_PAIRS: Final = (
    pair("an enum gets a symbol", of(enum("X")), of(enum("X", "Y")), reads=True, read_by=False),
    pair("an enum loses a symbol", of(enum("X", "Y")), of(enum("X")), reads=False, read_by=True),
    pair("an enum swaps symbols", of(enum("X", "Y")), of(enum("Y", "X")), reads=True, read_by=True),
    pair("an enum replaces a symbol", of(enum("X", "Y")), of(enum("X", "Z")), reads=False, read_by=False),
    pair(
        "an enum with default gets a symbol",
        of(enum("X", default="X")),
        of(enum("X", "Y", default="X")),
        reads=True,
        read_by=True,
    ),
    pair(
        "an enum with default loses a symbol",
        of(enum("X", "Y", default="X")),
        of(enum("X", default="X")),
        reads=True,
        read_by=True,
    ),
    pair(
        "an enum gets a default and loses a symbol",
        of(enum("X", "Y")),
        of(enum("X", default="X")),
        reads=True,
        read_by=True,
    ),
    pair(
        "an enum loses its default and a symbol",
        of(enum("X", "Y", default="X")),
        of(enum("X")),
        reads=False,
        read_by=True,
    ),
    pair(
        "a field's default is none of its enum's",
        of(enum("X", "Y")),
        record(field("value", enum("X"), default="X")),
        reads=False,
        read_by=True,
    ),
    # The enum's default is for symbols; Avro looks at it when the field is missing, and refuses all the same.
    pair(
        "an enum field without default is added, the enum having one",
        record(A),
        record(A, field("k", enum("X", default="X"))),
        reads=False,
        read_by=True,
    ),
    pair(
        "an enum field with default is added",
        record(A),
        record(A, field("k", enum("X"), default="X")),
        reads=True,
        read_by=True,
    ),
    pair("an enum becomes a string", of(enum("X")), of("string"), reads=False, read_by=False),
    pair("a string becomes an enum", of("string"), of(enum("X", default="X")), reads=False, read_by=False),
    pair("a fixed grows", of(fixed(4)), of(fixed(8)), reads=False, read_by=False),
    pair(
        "a fixed gets another name and size",
        of(fixed(4)),
        of(fixed(8, name="com.example.Hash")),
        reads=False,
        read_by=False,
    ),
    pair("a fixed becomes bytes", of(fixed(4)), of("bytes"), reads=False, read_by=False),
    pair("bytes become a fixed", of("bytes"), of(fixed(4)), reads=False, read_by=False),
    pair("an enum becomes a record", of(enum("X")), of(record(A, name="com.example.Kind")), reads=False, read_by=False),
)

NESTED_PAIRS: Final = (
    pair("items are promoted", of(array("int")), of(array("long")), reads=True, read_by=False),
    pair("items change", of(array("int")), of(array("string")), reads=False, read_by=False),
    pair("values are promoted", of(map_of("float")), of(map_of("double")), reads=True, read_by=False),
    pair("values change", of(map_of("int")), of(map_of("boolean")), reads=False, read_by=False),
    pair("an array becomes a map", of(array("int")), of(map_of("int")), reads=False, read_by=False),
    pair("a single becomes an array", of("int"), of(array("int")), reads=False, read_by=False),
    pair(
        "an array of arrays is promoted", of(array(array("int"))), of(array(array("double"))), reads=True, read_by=False
    ),
    pair(
        "a map of arrays changes at the bottom",
        of(map_of(array("string"))),
        of(map_of(array("int"))),
        reads=False,
        read_by=False,
    ),
    pair(
        "a nested record gets a field without default",
        of(record(A, name="com.example.Inner")),
        of(record(A, B, name="com.example.Inner")),
        reads=False,
        read_by=True,
    ),
    pair(
        "a nested record gets a field with default",
        of(array(record(A, name="com.example.Inner"))),
        of(array(record(A, B_DEFAULT, name="com.example.Inner"))),
        reads=True,
        read_by=True,
    ),
    pair(
        "a nested record loses a field, in a map",
        of(map_of(record(A, B, name="com.example.Inner"))),
        of(map_of(record(A, name="com.example.Inner"))),
        reads=True,
        read_by=False,
    ),
    pair(
        "a type used twice changes",
        record(field("one", record(A, name="com.example.Inner")), field("two", "com.example.Inner")),
        record(field("one", record(A, B, name="com.example.Inner")), field("two", "com.example.Inner")),
        reads=False,
        read_by=True,
    ),
    pair(
        "a type moves into another's field",
        record(field("one", record(A, name="com.example.Inner")), field("two", "com.example.Inner")),
        record(field("two", record(A, name="com.example.Inner")), field("one", "com.example.Inner")),
        reads=True,
        read_by=True,
    ),
    pair(
        "deep down a field changes its type",
        of(
            record(
                field("x", record(field("y", array(record(A, name="com.example.C"))), name="com.example.B")),
                name="com.example.D",
            )
        ),
        of(
            record(
                field(
                    "x",
                    record(field("y", array(record(field("a", "string"), name="com.example.C"))), name="com.example.B"),
                ),
                name="com.example.D",
            )
        ),
        reads=False,
        read_by=False,
    ),
)


def node(*more: Json, name: str = "com.example.Node", value: Json = "int", link: Json = None) -> Json:
    following = link or ["null", name]
    return record(field("value", value), field("next", following), *more, name=name)


def tree(leaf: Json, branch_field: Json | None = None) -> Json:
    more = [] if branch_field is None else [branch_field]
    return record(
        field(
            "root",
            [
                record(field("leaf", leaf), name="com.example.Leaf"),
                record(
                    field("left", ["com.example.Leaf", "com.example.Branch"]),
                    field("right", ["com.example.Leaf", "com.example.Branch"]),
                    *more,
                    name="com.example.Branch",
                ),
            ],
        )
    )


RECURSIVE_PAIRS: Final = (
    pair("a list's values are promoted", node(), node(value="long"), reads=True, read_by=False),
    pair("a list's values change", node(), node(value="string"), reads=False, read_by=False),
    pair("a list's node gets a field without default", node(), node(B), reads=False, read_by=True),
    pair("a list's node gets a field with default", node(), node(B_DEFAULT), reads=True, read_by=True),
    pair("a list is renamed", node(), node(name="com.example.Link"), reads=False, read_by=False),
    pair("a list becomes a tree", node(), node(link=array("com.example.Node")), reads=False, read_by=False),
    pair("a tree's leaves are promoted", tree("int"), tree("double"), reads=True, read_by=False),
    pair("a tree's leaves change", tree("int"), tree("boolean"), reads=False, read_by=False),
    pair("a tree's branches get a field", tree("int"), tree("int", B), reads=False, read_by=True),
    pair("a tree's branches get a field with default", tree("int"), tree("int", B_DEFAULT), reads=True, read_by=True),
    pair(
        "two types that contain each other change",
        record(
            field(
                "b",
                [
                    "null",
                    record(field("a", ["null", "com.example.Event"]), A | {"name": "n"}, name="com.example.Other"),
                ],
            )
        ),
        record(
            field(
                "b",
                [
                    "null",
                    record(field("a", ["null", "com.example.Event"]), field("n", "string"), name="com.example.Other"),
                ],
            )
        ),
        reads=False,
        read_by=False,
    ),
    pair("a list is now of optional values", node(), node(value=["null", "int"]), reads=True, read_by=False),
)

INNER: Final = record(A, name="com.example.Inner")
INNER_B: Final = record(A, B, name="com.example.Inner")
OTHER: Final = record(A, name="com.example.Other")

UNION_PAIRS: Final = (
    pair("a type becomes optional", of("int"), of(["null", "int"]), reads=True, read_by=False),
    pair("a type is optional no more", of(["null", "int"]), of("int"), reads=False, read_by=True),
    pair("a branch is added", of(["null", "int"]), of(["null", "int", "string"]), reads=True, read_by=False),
    pair("a branch is removed", of(["null", "int", "string"]), of(["null", "int"]), reads=False, read_by=True),
    pair("branches change places", of(["null", "int"]), of(["int", "null"]), reads=True, read_by=True),
    pair("a branch is promoted", of(["null", "int"]), of(["null", "long"]), reads=True, read_by=False),
    pair("a branch is replaced", of(["null", "int"]), of(["null", "boolean"]), reads=False, read_by=False),
    pair("a union of one branch", of("string"), of(["string"]), reads=True, read_by=True),
    pair("a union read by one type that reads all", of(["int", "float"]), of("double"), reads=True, read_by=False),
    pair("a union read by one type that reads some", of(["int", "string"]), of("long"), reads=False, read_by=False),
    pair("a type read by a union's promoted branch", of("int"), of(["null", "double"]), reads=True, read_by=False),
    pair("bytes read by a union with string", of("bytes"), of(["null", "string"]), reads=True, read_by=False),
    pair("a type no branch reads", of("boolean"), of(["null", "int", "string"]), reads=False, read_by=False),
    pair("a record becomes optional", of(INNER), of(["null", INNER]), reads=True, read_by=False),
    pair("a record's kind is added", of([INNER]), of([INNER, OTHER]), reads=True, read_by=False),
    pair("a record's kind is removed", of([INNER, OTHER]), of([INNER]), reads=False, read_by=True),
    pair(
        "a record in a union gets a field without default",
        of(["null", INNER]),
        of(["null", INNER_B]),
        reads=False,
        read_by=True,
    ),
    pair("a record in a union loses a field", of(["null", INNER_B]), of(["null", INNER]), reads=True, read_by=False),
    pair(
        "a record in a union gets a field, but another kind reads the old ones",
        of([INNER]),
        of([INNER_B, record(A, name="org.example.Inner")]),
        reads=True,
        read_by=True,
    ),
    pair(
        "an enum in a union gets a symbol",
        of(["null", enum("X")]),
        of(["null", enum("X", "Y")]),
        reads=True,
        read_by=False,
    ),
    pair(
        "a fixed in a union grows",
        of(["null", fixed(4)]),
        of(["null", fixed(8)]),
        reads=False,
        read_by=False,
    ),
    pair(
        "an array in a union is promoted",
        of(["null", array("int")]),
        of(["null", array("long")]),
        reads=True,
        read_by=False,
    ),
    pair(
        "an array in a union changes",
        of(["null", array("int")]),
        of(["null", array("string")]),
        reads=False,
        read_by=False,
    ),
    pair("an optional item", of(array("int")), of(array(["null", "int"])), reads=True, read_by=False),
    pair(
        "an optional field is added",
        record(A),
        record(A, field("b", ["null", "string"], default=None)),
        reads=True,
        read_by=True,
    ),
    pair(
        "an optional field without default is added",
        record(A),
        record(A, field("b", ["null", "string"])),
        reads=False,
        read_by=True,
    ),
    pair(
        "a union's default moves with its branches",
        record(field("b", ["null", "string"], default=None)),
        record(field("b", ["string", "null"], default="")),
        reads=True,
        read_by=True,
    ),
    pair(
        "a union of numbers read by a union of fewer",
        of(["int", "long"]),
        of(["null", "double"]),
        reads=True,
        read_by=False,
    ),
    pair(
        "an empty kind",
        of(["null", record(name="com.example.Ping")]),
        of(["null", record(A, name="com.example.Ping")]),
        reads=False,
        read_by=True,
    ),
    pair("a whole schema becomes a union", record(A), [record(A), OTHER], reads=True, read_by=False),
)

DECIMAL: Final = {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}

LOGICAL_PAIRS: Final = (
    pair(
        "a string becomes a uuid", of("string"), of({"type": "string", "logicalType": "uuid"}), reads=True, read_by=True
    ),
    pair(
        "milliseconds become microseconds",
        of({"type": "long", "logicalType": "timestamp-millis"}),
        of({"type": "long", "logicalType": "timestamp-micros"}),
        reads=True,
        read_by=True,
    ),
    pair(
        "a date becomes a timestamp",
        of({"type": "int", "logicalType": "date"}),
        of({"type": "long", "logicalType": "timestamp-millis"}),
        reads=True,
        read_by=False,
    ),
    pair("a decimal has more digits", of(DECIMAL), of(DECIMAL | {"precision": 18}), reads=True, read_by=True),
    pair("a decimal has another scale", of(DECIMAL), of(DECIMAL | {"scale": 4}), reads=True, read_by=True),
    pair("a decimal becomes bytes", of(DECIMAL), of("bytes"), reads=True, read_by=True),
    pair(
        "a decimal becomes a fixed one",
        of(DECIMAL),
        of(fixed(8, logicalType="decimal", precision=12, scale=2)),
        reads=False,
        read_by=False,
    ),
    pair(
        "a fixed decimal has more bytes",
        of(fixed(8, logicalType="decimal", precision=12, scale=2)),
        of(fixed(9, logicalType="decimal", precision=12, scale=2)),
        reads=False,
        read_by=False,
    ),
    pair("a number becomes a decimal", of("long"), of(DECIMAL), reads=False, read_by=False),
    pair(
        "an optional timestamp",
        of({"type": "long", "logicalType": "timestamp-millis"}),
        of(["null", {"type": "long", "logicalType": "timestamp-millis"}]),
        reads=True,
        read_by=False,
    ),
)

PAIRS: Final[tuple[Case, ...]] = (
    *PRIMITIVE_PAIRS,
    *FIELD_PAIRS,
    *NAME_PAIRS,
    *ENUM_FIXED_PAIRS,
    *NESTED_PAIRS,
    *RECURSIVE_PAIRS,
    *UNION_PAIRS,
    *LOGICAL_PAIRS,
)
