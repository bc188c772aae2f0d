"""The page "What is promised" names no fault and no failure that no test makes happen."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "promises.md").read_text()
TESTS = [
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"def (test_\w+)\(", path.read_text())
]


def names_of(rule: str) -> list[str]:
    return [name for name in TESTS if rule in name.split("_")]


@pytest.mark.parametrize("fault", re.findall(r"^\| (F\d+) ", PAGE, flags=re.MULTILINE))
def test_every_fault_of_the_page_is_made_to_happen(fault: str) -> None:
    """`pytest -k f12` finds something."""
    assert names_of(fault.lower())


@pytest.mark.parametrize("number", range(1, 16))
def test_every_failure_of_the_acceptance_list_is_made_to_happen(number: int) -> None:
    """By its number, so that it can be run alone."""
    assert [name for name in TESTS if f"acceptance_{number:02}_" in name]


@pytest.mark.parametrize(
    "command", sorted(set(re.findall(r"`((?:make|pytest)[^`]*)`", PAGE.replace("\n", " "))))
)
def test_every_command_of_the_page_would_run_something(command: str) -> None:
    """A target of the Makefile, or words that occur in the names of tests."""
    program, *arguments = command.split()
    if program == "make":
        assert re.search(rf"^{arguments[0]}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    elif "-k" in arguments:
        words = command.split("-k ")[1].strip('"').split(" or ")
        assert all(any(word in name for name in TESTS) for word in words)
