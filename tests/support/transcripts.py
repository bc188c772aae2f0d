"""A page as a sequence of steps: files to write, and commands with what they print."""

import re
from collections.abc import Iterator
from pathlib import Path

import attrs

_BLOCK = re.compile(
    r"(?:`(?P<name>[\w./-]+)`[^\n]*:\n\n)?```(?P<language>\w+)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@attrs.frozen
class File:
    """A file, named in the line above its block."""

    path: str
    text: str


@attrs.frozen
class Command:
    """A command, and the lines shown below it."""

    line: str
    shown: tuple[str, ...]

    @property
    def is_interrupted(self) -> bool:
        """It goes on until Ctrl-C."""
        return self.shown[-1:] == ("^C",)

    @property
    def output(self) -> re.Pattern[str]:
        """What it prints; `...` stands for anything, alone for any lines."""
        lines = self.shown[:-1] if self.is_interrupted else self.shown
        return re.compile("\n".join(pattern_of(line) for line in lines))


def pattern_of(line: str) -> str:
    """Return what a line that is shown matches; `...` alone is any number of lines."""
    return r"(?:.*\n)*?.*" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*?")


def steps(page: Path) -> Iterator[File | Command]:
    """Yield what a reader does, in order."""
    for block in _BLOCK.finditer(page.read_text()):
        if block["language"] == "console":
            yield from _commands(block["body"])
        elif block["name"]:
            yield File(block["name"], block["body"])


def _commands(body: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        line, *shown = part.strip("\n").split("\n")
        yield Command(line.partition("  # ")[0].strip(), tuple(shown))
