"""Logs: one record one line, foreign text escaped, nothing secret."""

import io
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.cli.logs import JsonLines, TextLines
from trunkline.text import escaped

NASTY = ["\x1b[31mred", "a\nb", "a\rb", "\u2028", "\u202eevil", "\x00", "\ud800", "x" * 500]


def record(**extra: object) -> logging.LogRecord:
    made = logging.LogRecord(
        "trunkline.x", logging.WARNING, __file__, 1, "connection.lost", (), None
    )
    for name, value in extra.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("formatter", [JsonLines(), TextLines(in_colour=False)])
def test_s11_foreign_text_stays_in_its_line(text: str, formatter: logging.Formatter) -> None:
    """No line break, no escape sequence, no bidirectional mark reaches the terminal."""
    line = formatter.format(record(reason=text))
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line
    assert "\u202e" not in line
    io.TextIOWrapper(io.BytesIO(), "utf-8").write(line)  # can be written


def test_json_lines_hold_the_event_and_its_fields() -> None:
    """Programs read the constant name and the data."""
    line = json.loads(JsonLines().format(record(cause="closed", attempt=3, none=None)))
    assert (line["event"], line["cause"], line["attempt"]) == ("connection.lost", "closed", 3)
    assert "none" not in line


def test_text_lines_are_for_people() -> None:
    """Time, level, event, fields."""
    line = TextLines(in_colour=False).format(record(cause="closed"))
    assert line.split(" ", 1)[1] == "WARNING connection.lost  cause=closed"


@given(st.text(max_size=400))
def test_escaped_text_is_one_short_line(text: str) -> None:
    """Whatever comes."""
    shown = escaped(text)
    assert len(shown) <= 200
    assert len((shown + "x").splitlines()) == 1
    assert shown.isprintable()
