"""Hand-picked histories of two and three versions, where the transitive levels say something of their own."""

from typing import Final

from tests.corpus.case import Case, array, enum, field, of, record, sequence

A: Final = field("a", "int")
B: Final = field("b", "string")
B_DEFAULT: Final = field("b", "string", default="")
C_DEFAULT: Final = field("c", "long", default=0)

HISTORIES: Final[tuple[Case, ...]] = (
    sequence(
        "a default that came later goes again",
        [record(A), record(A, B_DEFAULT)],
        record(A, B),
        reads=[False, True],
        read_by=[True, True],
    ),
    sequence(
        "a field comes back with another type",
        [record(A, B_DEFAULT), record(A)],
        record(A, field("b", "int", default=0)),
        reads=[False, True],
        read_by=[False, True],
    ),
    sequence(
        "a field comes back as it was",
        [record(A, B), record(A)],
        record(B, A),
        reads=[True, False],
        read_by=[True, True],
    ),
    sequence(
        "a type is promoted step by step",
        [of("int"), of("long")],
        of("double"),
        reads=[True, True],
        read_by=[False, False],
    ),
    sequence(
        "a type goes round by bytes",
        [of(["null", "string"]), of(["null", "bytes"])],
        of(["null", "string", "int"]),
        reads=[True, True],
        read_by=[False, False],
    ),
    sequence(
        "a promotion is taken back half",
        [of("int"), of("double")],
        of("long"),
        reads=[True, False],
        read_by=[False, True],
    ),
    sequence(
        "aliases of one rename are lost at the next",
        [record(field("a", "int")), record(field("b", "int", aliases=["a"]))],
        record(field("c", "int", aliases=["b"])),
        reads=[False, True],
        read_by=[False, False],
    ),
    sequence(
        "aliases of all renames are kept",
        [record(field("a", "int")), record(field("b", "int", aliases=["a"]))],
        record(field("c", "int", aliases=["a", "b"])),
        reads=[True, True],
        read_by=[False, False],
    ),
    sequence(
        "a symbol comes and goes",
        [of(enum("X", "Y")), of(enum("X"))],
        of(enum("X", "Z")),
        reads=[False, True],
        read_by=[False, False],
    ),
    sequence(
        "a symbol goes that the enum's default covers",
        [of(enum("X", "Y")), of(enum("X", "Y", default="X"))],
        of(enum("X", default="X")),
        reads=[True, True],
        read_by=[True, True],
    ),
    sequence(
        "a branch comes and goes",
        [of(["null", "int", "string"]), of(["null", "int"])],
        of(["null", "int", "boolean"]),
        reads=[False, True],
        read_by=[False, False],
    ),
    sequence(
        "an optional field becomes a must",
        [record(A), record(A, field("b", ["null", "string"], default=None))],
        record(A, B_DEFAULT),
        reads=[True, False],
        read_by=[True, True],
    ),
    sequence(
        "three versions, each with a field more",
        [record(A), record(A, B_DEFAULT), record(A, B_DEFAULT, C_DEFAULT)],
        record(A, B_DEFAULT, C_DEFAULT, field("d", "double", default=0)),
        reads=[True, True, True],
        read_by=[True, True, True],
    ),
    sequence(
        "three versions, the first of which is forgotten",
        [record(A, B), record(A, B_DEFAULT), record(A)],
        record(A, C_DEFAULT),
        reads=[True, True, True],
        read_by=[False, True, True],
    ),
    sequence(
        "three versions, the middle one is the odd one",
        [of(array("int")), of(array("string")), of(array("long"))],
        of(array("double")),
        reads=[True, False, True],
        read_by=[False, False, False],
    ),
    sequence(
        "three versions, the last one broke with the others",
        [of("string"), of("bytes"), of("int")],
        of(["int", "string"]),
        reads=[True, True, True],
        read_by=[False, False, False],
    ),
    sequence(
        "three versions, nothing in common",
        [of("int"), of("boolean"), of(array("int"))],
        of("null"),
        reads=[False, False, False],
        read_by=[False, False, False],
    ),
    sequence(
        "a record is renamed twice",
        [record(A, name="com.example.One"), record(A, name="com.example.Two", aliases=["One"])],
        record(A, name="com.example.Three", aliases=["Two"]),
        reads=[False, True],
        read_by=[False, False],
    ),
)
