"""Synchronous programs as people write them: real processes with a host in a thread, and forks."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import httpx
import pytest

LIMIT = 30  # s for any of these
CONFIG = """
[connection]
url = "{url}"
token = {{ env = "TRUNKLINE_TOKEN" }}
[activity]
path = "outbox.db"
[plugin.activity]
sinks = [{{ kind = "jsonl", path = "seen.jsonl" }}]
"""
# a fork beside threads is what is tried; later Pythons warn of it
ENVIRON = {
    **os.environ,
    "TRUNKLINE_TOKEN": "demo-token",
    "PYTHONWARNINGS": "error,ignore:This process:DeprecationWarning",
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Run a simulator, as a process of its own."""
    command = [sys.executable, "-m", "trunkline", "simulate", "--port", "0"]
    simulator = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert simulator.stdout is not None
    words = simulator.stdout.readline().split()
    yield next(word for word in words if word.startswith("ws://"))
    simulator.terminate()
    simulator.wait(LIMIT)
    simulator.stdout.close()


@pytest.fixture
def folder(tmp_path: Path, url: str) -> Path:
    (tmp_path / "trunkline.toml").write_text(CONFIG.format(url=url))
    return tmp_path


def program(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Run a program that has loaded the configuration as `config`."""
    head = "import os, sys, threading, time\nfrom trunkline import Host, load_config\n"
    path = folder / "program.py"
    path.write_text(f"{head}config = load_config('trunkline.toml')\n{dedent(text)}")
    return subprocess.run(
        [sys.executable, path],
        cwd=folder,
        env={**ENVIRON, "XDG_RUNTIME_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def seen(folder: Path) -> list[str]:
    """Return the names of the actions that have arrived."""
    lines = (folder / "seen.jsonl").read_text().splitlines()
    return [json.loads(line)["data"]["name"] for line in lines]


def test_a7_a_script_needs_neither_trio_nor_a_stop(folder: Path) -> None:
    """Its end delivers what was recorded, to the server too; its own exit code stays."""
    done = program(
        folder,
        """
        background = Host(config).start_in_thread()
        for number in range(100):
            background.tracker.track_action(f"a.{number}")
        report = background.flush(timeout=20)
        print(report.is_done, sorted(report.sinks))
        background.tracker.track_action("last words")
        sys.exit(7)
        """,
    )
    assert done.returncode == 7, done.stderr
    assert done.stdout == "True ['activity.jsonl', 'activity.upstream']\n"
    assert seen(folder) == [*(f"a.{number}" for number in range(100)), "last words"]


@pytest.mark.skipif(
    (3, 12) <= sys.version_info < (3, 12, 3),
    reason="this Python starts no thread once the main thread has ended (CPython gh-113964)",
)
def test_a7_the_end_waits_for_the_threads_of_a_program(folder: Path) -> None:
    """What they record after the main thread has ended is delivered; no new thread is needed late.

    Trio's own idle threads are gone by then: at the stop it has to start some, which `atexit`
    forbids from Python 3.12 on.
    """
    done = program(
        folder,
        """
        import trio._core._thread_cache as cache
        cache.IDLE_TIMEOUT = 0.05
        background = Host(config).start_in_thread()
        background.flush()

        def work():
            time.sleep(0.3)
            background.tracker.track_action("late")

        threading.Thread(target=work).start()
        """,
    )
    assert done.returncode == 0, done.stderr
    assert seen(folder) == ["late"]


def test_a7_a_program_that_fails_delivers_all_the_same(folder: Path) -> None:
    """An exception nobody catches ends it as ever, after the stop."""
    done = program(
        folder,
        """
        with Host(config).start_in_thread() as background:
            background.tracker.track_action("before")
            raise ValueError("mine")
        """,
    )
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("ValueError: mine")
    assert seen(folder) == ["before"]


FORKING = """
background = Host(config).start_in_thread()
done = threading.Event()

def work(name):
    while not done.is_set():
        background.tracker.track_action(name)
        time.sleep(0.0001)

threads = [threading.Thread(target=work, args=(f"t.{n}",)) for n in range(8)]
for thread in threads:
    thread.start()
children = []
for number in range(50):
    child = os.fork()
    if child == 0:
        ids = [background.tracker.track_action("child") for _ in range(3)]
        refused = background.tracker.refused["forked"]
        is_done = number == 0 and background.flush(timeout=60).is_done  # nobody is there to answer
        background.stop()  # nothing of its own to stop
        os._exit(0 if ids == [None] * 3 and refused == 3 and not is_done else 1)
    children.append(child)
deadline = time.monotonic() + 20
codes = []
for child in children:
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            codes.append(os.waitstatus_to_exitcode(status))
            break
        if time.monotonic() > deadline:
            os.kill(child, 9)
        time.sleep(0.005)
done.set()
for thread in threads:
    thread.join()
refused = background.tracker.refused["forked"]
background.stop(timeout=15)
print(codes.count(0), refused)
"""


def test_a8_fifty_forks_while_eight_threads_track(folder: Path) -> None:
    """No child hangs, touches its parent's socket or file, or is silent about it: one line each."""
    done = program(folder, "import logging; logging.basicConfig(level='WARNING')\n" + FORKING)
    assert done.stdout == "50 0\n", done.stderr
    told = [line for line in done.stderr.splitlines() if line.endswith("activity.refused")]
    assert len(told) == 50
    assert set(Counter(seen(folder))) == {f"t.{number}" for number in range(8)}


def example(name: str) -> Path:
    return Path(__file__).parents[2] / "docs" / "examples" / name


def test_the_script_of_the_page_delivers_before_it_ends(folder: Path) -> None:
    """`docs/examples/nightly_report.py`: two actions and a conversion."""
    done = subprocess.run(
        [sys.executable, "-W", "error", example("nightly_report.py"), "trunkline.toml"],
        cwd=folder,
        env=ENVIRON,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("12 rows as csv\neverything delivered\n", 0), (
        done.stderr
    )
    assert seen(folder) == ["report.load", "report.export", "report.written"]


def test_the_application_of_the_page_tracks_its_pages(folder: Path) -> None:
    """`docs/examples/web_app.py` under a real server, ended by a signal."""
    command = [sys.executable, "-m", "hypercorn", "web_app:app", "--bind", "127.0.0.1:0", "--workers", "0"]  # fmt: skip
    server = subprocess.Popen(
        command,
        cwd=folder,
        env={**ENVIRON, "PYTHONPATH": str(example(""))},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    said = ""
    while "Running on " not in said:
        said = server.stderr.readline()
        assert said, "it has ended"
    address = said.partition("Running on ")[2].split()[0]
    for number in (7, 8):
        answer = httpx.get(f"{address}/reports/{number}", trust_env=False)
        assert answer.text == f"<h1>Report {number}</h1>"
    server.terminate()
    _, said = server.communicate(timeout=LIMIT)
    assert server.returncode == 0, said
    lines = [json.loads(line) for line in (folder / "seen.jsonl").read_text().splitlines()]
    found = [(line["type"], line["data"].get("path", line["data"].get("name"))) for line in lines]
    assert found == [("action", "report.show"), ("page_view", "/reports/{report}")] * 2
