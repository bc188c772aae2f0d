"""Whether what lies on disk is fit to run: asked before a watched host is started anew."""

import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import trio

from trunkline.cli.options import switches

CHECK_LIMIT = 30.0  # s; a plugin may hang while it is imported

#: How a process of ours is started: Ctrl-C is for us alone, we pass it on.
APART: dict[str, Any] = {"stdin": subprocess.DEVNULL, "process_group": 0}


@attrs.frozen
class Verdict:
    """What `trunkline check` says of what lies on disk."""

    is_ok: bool
    problems: tuple[str, ...] = ()
    failed: Mapping[str, str] = {}
    """{plugin that does not load: why}"""


@attrs.frozen
class Plan:
    """What is run, and what it is made of."""

    command: Sequence[str]
    """The words behind `trunkline`."""
    file: Path
    """The configuration."""
    safe: bool = False
    disable: Sequence[str] = ()


#: Says whether what lies on disk is fit to run.
Judge = Callable[[Plan], Awaitable[Verdict]]


async def checked(plan: Plan) -> Verdict:
    """Let `trunkline check` judge, in a process that imports the plugins anew."""
    words = ["check", str(plan.file), "--json", *switches(safe=plan.safe, disable=plan.disable)]
    command = [sys.executable, "-m", "trunkline", *words]
    done: subprocess.CompletedProcess[bytes] | None = None
    with trio.move_on_after(CHECK_LIMIT):
        done = await trio.run_process(
            command,
            check=False,
            capture_stdout=True,
            capture_stderr=True,
            deliver_cancel=_kill,
            **APART,
        )
    if done is None:
        return Verdict(False, (f"the check takes more than {CHECK_LIMIT:g} s: an import hangs",))
    return verdict_of(done.stdout, done.stderr)


async def _kill(process: trio.Process) -> None:
    """End a check at once: it leaves nothing behind, and its import may swallow any signal."""
    process.kill()


def verdict_of(out: bytes, err: bytes) -> Verdict:
    """Read what `trunkline check --json` has printed."""
    try:
        report = json.loads(out)
    except ValueError:  # misuse, or a bug
        return Verdict(False, tuple(err.decode(errors="replace").splitlines()))
    problems = [f"{problem['where']}: {problem['cause']}" for problem in report["problems"]]
    return Verdict(report["ok"], tuple(problems), report["failed"])
