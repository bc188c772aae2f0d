"""The tutorial, step by step as it stands there, in a fresh environment (P26)."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from environments import ROOT, fresh_environment
from transcripts import Command, File, pattern_of, steps

PAGE = ROOT / "docs" / "tutorial.md"
LIMIT = 20.0  # s for one command
SERVES = ("trunkline simulate", "trunkline run")
ASKS = "trunkline status"  # a host that may still be starting, as a person sees and asks again
#: What needs a package index, and what is done instead.
REPLACED = {
    "python -m venv .venv": None,  # a fresh environment is there
    ". .venv/bin/activate": None,
    'pip install "trunkline[testing]"': None,
    "python -m pip install build twine": None,
    "python -m build": "python -m build --no-isolation",
    "python -m twine upload dist/*": None,
    "pip install trunkline-tool-watch": None,  # it is there since `pip install -e`
}


class Reader:
    """Somebody who does what the page says, at one place with one environment."""

    def __init__(self, home: Path, port: int) -> None:
        python = fresh_environment(home)
        (python.parent / "trunkline").write_text(
            f"#!{python}\nfrom trunkline.cli import main\nmain()\n"
        )
        (python.parent / "trunkline").chmod(0o755)
        self._port = port
        self._folder = home
        self._environ = {
            **os.environ,
            "PATH": f"{python.parent}:{os.environ['PATH']}",
            "XDG_RUNTIME_DIR": str(home),
            "PYTHONUNBUFFERED": "1",
            "PIP_NO_INDEX": "1",
            "PIP_NO_DEPS": "1",
            "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it as the value of `build_isolation`
        }
        self._serving: list[subprocess.Popen[str]] = []

    def write(self, file: File) -> None:
        """Write a file."""
        (self._folder / file.path).write_text(self._here(file.text))

    def do(self, command: Command) -> None:
        """Run a command; what it prints is what the page shows."""
        line = REPLACED.get(command.line, command.line)
        if line is None:
            return
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").partition("=")
            self._environ[name] = value
        elif line.startswith(SERVES):
            self._serve(self._here(line), command)
        else:
            self._run(self._here(line), command, patient=line.startswith(ASKS))

    def _here(self, text: str) -> str:
        """Return text with a port that is free."""
        return text.replace("8765", str(self._port))

    def _there(self, text: str) -> str:
        """Return what was printed as the page has it."""
        return text.replace(str(self._port), "8765")

    def _run(self, line: str, command: Command, *, patient: bool) -> None:
        """Run to the end; a `cd` in it holds for what follows."""
        deadline = time.monotonic() + (LIMIT if patient else 0)
        while True:
            done = subprocess.run(
                ["bash", "-c", f"{line}; echo; pwd"],
                cwd=self._folder,
                env=self._environ,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=60,
                check=False,
            )
            printed, _, folder = done.stdout.rstrip().rpartition("\n")
            if command.output.fullmatch(self._there(printed.rstrip())):
                break
            assert time.monotonic() < deadline, f"$ {line}\n{printed}"
        self._folder = Path(folder)

    def _serve(self, line: str, command: Command) -> None:
        """Start it, read what the page shows, and let it serve on, or end it by Ctrl-C."""
        if line.startswith("trunkline simulate"):
            line += f" --port {self._port}"
        process = subprocess.Popen(
            line.split(),
            cwd=self._folder,
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._serving.append(process)
        assert process.stdout is not None
        for shown in command.shown:
            if shown not in {"...", "^C"}:
                line = self._there(process.stdout.readline().rstrip())
                assert re.fullmatch(pattern_of(shown), line), line
        if command.is_interrupted:
            self._interrupt(process)

    def _interrupt(self, process: subprocess.Popen[str]) -> None:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LIMIT)
        assert process.returncode == 0
        self._serving.remove(process)

    def leave(self) -> None:
        """Interrupt what still serves, the last first."""
        for process in reversed(tuple(self._serving)):
            self._interrupt(process)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """Somebody in an empty folder, with a port that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    somebody = Reader(tmp_path, port)
    yield somebody
    somebody.leave()


@pytest.mark.timeout(240)  # twenty processes, one after the other
def test_p26_the_tutorial_works_as_it_stands(reader: Reader) -> None:
    """Ten lines, a package from `trunkline new`, its tests, a host that runs it, a wheel."""
    for step in steps(PAGE):
        if isinstance(step, File):
            reader.write(step)
        else:
            reader.do(step)
