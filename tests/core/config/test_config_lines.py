"""Where a key stands, found with nothing but tomllib."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from trunkline.config.lines import Lines, Place

REMARKS = st.lists(
    st.sampled_from(["", "# remark", "  ", "# a = 1\u2028\x85", '# """']), max_size=2
)
VALUES = st.sampled_from(
    [
        "1",
        '"text # none"',
        "[1,\n  2,\n]",
        '"""\n[table]\nk0 = 5\n"""',
        "'''\n\n'''",
        "{ a = 1, b = { c = 2 } }",
        "[\n# remark\n]",
    ]
)


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[Place, int]]:
    """Return a text and the line of each table and key in it."""
    lines: list[str] = []
    places: dict[Place, int] = {}
    for number in range(draw(st.integers(0, 4))):
        lines += draw(REMARKS)
        is_listed = draw(st.booleans())
        name = "list" if is_listed else f"t{number}"
        table: Place = (name,)
        if is_listed:
            table = (name, sum(place[0] == name and len(place) == 2 for place in places))
        lines.append(f"[[{name}]]" if is_listed else f"[{name}]  # header")
        places[table] = len(lines)
        for key in range(draw(st.integers(0, 3))):
            lines += draw(REMARKS)
            start = len(lines) + 1
            lines += f"k{key} = {draw(VALUES)}".split("\n")
            places[*table, f"k{key}"] = start
    ending = draw(st.sampled_from(["\n", "\r\n"]))
    return ending.join(lines) + draw(st.sampled_from(["", ending])), places


@given(documents())
def test_p20_every_key_and_table_is_found_where_it_stands(
    document: tuple[str, dict[Place, int]],
) -> None:
    """Whatever stands in between: remarks, texts and lists of many lines, foreign line ends."""
    text, places = document
    tomllib.loads(text)
    lines = Lines(text)

    assert {place: lines.of(place) for place in places} == places


@given(documents())
def test_p20_what_is_missing_is_at_its_tables_line(
    document: tuple[str, dict[Place, int]],
) -> None:
    """And where the table is missing too, at the first line."""
    text, places = document
    lines = Lines(text)

    for place, line in places.items():
        assert lines.of((*place, "missing", 7)) == line
    assert lines.of(("nowhere", "at", "all")) == 1
    assert lines.of(()) == 1


def test_a_table_made_by_dotted_keys_is_at_the_first_of_them() -> None:
    """There is no header to point at."""
    lines = Lines('# remark\na.b.c = 1\na.b.d = 2\n[x.y]\nz = { "1" = 1 }\n')

    assert lines.of(("a", "b")) == 2
    assert lines.of(("a", "b", "d")) == 3
    assert lines.of(("x",)) == 4
    assert lines.of(("x", "y", "z", "1")) == 5
