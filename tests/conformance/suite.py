"""Autobahn's test suite, which knows Python 2.7 only: its installation and its server.

It is installed once, below the checkout's `build/`, which git ignores. The server listens on
loopback, and ends with this process, however this process ends.
"""

import json
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import trio
from tests.conformance.echo import ask

from trunkline.background import background_nursery
from trunkline.errors import TransportError, UserError

REQUIREMENT = "autobahntestsuite==0.8.2"  # 25.10.1 installs on Python 3, but cannot be imported
INSTALLED = Path(__file__).parents[2] / "build" / REQUIREMENT.replace("==", "-")
COMPRESSION = ["12.*", "13.*"]  # cases of an extension that we never offer
START_LIMIT = 30.0  # s, on a busy computer
SHOWN_LINES = 8  # of what a program said before it failed
LOG = "server.log"  # in the folder of the reports

# `PYTHONPATH` would miss zope's namespace. The suite itself would listen on every interface.
# Standard input ends when the process at its other end does, killed or not.
SERVER = """
import os, site, sys, threading
from functools import partial
site.addsitedir(sys.argv.pop(1))
from autobahntestsuite import fuzzing
from autobahntestsuite.wstest import run
fuzzing.listenWS = partial(fuzzing.listenWS, interface="127.0.0.1")
watch = threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)))
watch.daemon = True
watch.start()
run()
"""


async def install(python2: str) -> None:
    """Install the suite, unless an earlier run did; what was cut short leaves nothing behind.

    Raises:
        UserError: there is no Python 2.7, or its pip failed.
    """
    await _check(python2)
    if INSTALLED.exists():
        return
    click.echo(f"installing {REQUIREMENT} into {INSTALLED}: a minute, once", err=True)
    with _new_folder(INSTALLED) as target:
        command = [python2, "-m", "pip", "install", "--disable-pip-version-check"]
        code, output = await _run([*command, "--target", str(target), REQUIREMENT])
        if code:
            raise UserError(
                f"{python2}: pip cannot install {REQUIREMENT} (exit {code}); "
                f"see that this Python has pip and reaches a package index\n{_tail(output)}"
            )


@contextmanager
def _new_folder(final: Path) -> Iterator[Path]:
    """Fill a folder that takes its name when all went well, and is removed otherwise."""
    final.parent.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=final.parent) as parent:
        folder = Path(parent, final.name)
        yield folder
        folder.rename(final)


async def _check(python2: str) -> None:
    """Ask an interpreter for its version; a shim may be there without what it stands for."""
    way_out = "set PYTHON2 to the path of a Python 2.7: make conformance PYTHON2=/path/to/python2.7"
    question = "import sys; sys.stdout.write('%d.%d' % sys.version_info[:2])"
    try:
        code, answer = await _run([python2, "-c", question])
    except OSError as exc:
        raise UserError(f"{python2}: {exc.strerror}; {way_out}") from None
    if code:
        raise UserError(f"{python2}: does not run (exit {code}); {way_out}\n{_tail(answer)}")
    if answer != "2.7":
        raise UserError(f"{python2}: is Python {answer}, Autobahn needs 2.7; {way_out}")


async def _run(command: Sequence[str]) -> tuple[int, str]:
    """Return the exit code and what was said; a cancel ends the program."""
    done = await trio.run_process(
        command, capture_stdout=True, stderr=subprocess.STDOUT, check=False
    )
    return done.returncode, done.stdout.decode(errors="replace")


@asynccontextmanager
async def serving(
    python2: str, cases: Sequence[str], folder: Path
) -> AsyncIterator[tuple[str, int]]:
    """Run the server for the scope; its URL, and how many cases it has. Reports go to `folder`.

    Raises:
        UserError: it did not start, or no case matches.
    """
    url = f"ws://127.0.0.1:{_free_port()}"
    spec = folder / "spec.json"
    asked = {"cases": [*cases], "exclude-cases": COMPRESSION, "exclude-agent-cases": {}}
    spec.write_text(json.dumps({"url": url, "outdir": str(folder), **asked}))
    command = [python2, "-c", SERVER, str(INSTALLED)]
    command += ["-m", "fuzzingserver", "--webport=0", "-s", str(spec)]
    async with background_nursery() as nursery:
        with (folder / LOG).open("wb") as log:
            start = partial(
                trio.run_process,
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                check=False,
                cwd=folder,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            )
            process: trio.Process = await nursery.start(start)
        count = await _wait_ready(process, url, folder)
        if not count:
            raise UserError(f"--cases {' '.join(cases)}: no case matches; try 1.*, 6.4.* or 9.1.1")
        yield url, count


async def _wait_ready(process: trio.Process, url: str, folder: Path) -> int:
    """Ask for the number of cases until there is an answer."""
    with trio.move_on_after(START_LIMIT):
        while process.returncode is None:
            with suppress(TransportError):
                return int(await ask(f"{url}/getCaseCount"))
            await trio.sleep(0.1)
    what = "is not ready" if process.returncode is None else f"ended (exit {process.returncode})"
    raise UserError(
        f"{url}: Autobahn's server {what}; if {INSTALLED} is damaged, remove it, "
        f"and it is installed anew\n{last_words(folder)}"
    )


def last_words(folder: Path) -> str:
    """Return the end of what the server said."""
    return _tail((folder / LOG).read_text(errors="replace"))


def _free_port() -> int:
    """Return a port that was free a moment ago: the suite wants to be told a number."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _tail(output: str) -> str:
    return "\n".join(f"  {line}" for line in output.strip().splitlines()[-SHOWN_LINES:])
