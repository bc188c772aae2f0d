"""A host that is killed with a decision on its way: after the restart it is the same one, once."""

import random
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import trio
from approval_bench import log_of
from served import serving

from trunkline import open_connection
from trunkline.simulator import ACCOUNT_A, Approval, Simulator
from trunkline_plugins.approval.deciding import Deciding
from trunkline_plugins.approval.log import DecisionLog
from trunkline_plugins.approval.server import Server
from trunkline_plugins.approval.store import ApprovalStore

#: Decides the one request that waits, and is killed by the system at a crash point.
HOST = """
    import os, signal, sys
    from pathlib import Path
    import trio
    from trunkline import open_connection
    from trunkline_plugins.approval.deciding import Deciding
    from trunkline_plugins.approval.decision import Decision
    from trunkline_plugins.approval.log import DecisionLog
    from trunkline_plugins.approval.request import digest, view_of
    from trunkline_plugins.approval.server import Server
    from trunkline_plugins.approval.store import ApprovalStore

    url, log, point, outcome = sys.argv[1:]

    def at(name):
        if name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    async def main():
        async with open_connection(url, "demo-token") as connection:
            server = Server(connection)
            [message] = [message async for message in server.requests("pending")]
            view = view_of(message)
            decision = Decision(
                request=view.approval_request_id, outcome=outcome, hash=digest(view),
                by="rule[0]", is_by_rule=True, host="here",
            )
            now = ApprovalStore().now
            await Deciding(server, DecisionLog(Path(log)), now=now, at=at).decide(decision)

    trio.run(main)
"""


def test_s17_kill_9_between_store_and_send(tmp_path: Path) -> None:
    """Crash point 11 with a real process, a real file and real sockets."""
    point, outcome = "stored", "approve"
    log = tmp_path / "decisions.jsonl"
    with serving(seed=1) as served:

        def ask(simulator: Simulator) -> Approval:
            now = simulator.world.walltime()
            drawn = Approval.draw(random.Random(1), ACCOUNT_A, now)
            return simulator.world.request_approval(drawn)

        approval = served.do(ask)
        killed = subprocess.run(
            [sys.executable, "-c", dedent(HOST), served.url, str(log), point, outcome],
            capture_output=True,
            timeout=30,
            check=False,
        )
        assert (killed.returncode, killed.stderr) == (-9, b"")
        assert approval.status == "pending"
        assert log_of(log) == ["decision approve"]

        async def restart() -> None:
            async with open_connection(served.url, "demo-token") as connection:
                now = ApprovalStore().now
                deciding = Deciding(Server(connection), DecisionLog(log), now=now)
                for entry in await deciding.unanswered():
                    await deciding.complete(entry.decision)

        trio.run(restart)
        trio.run(restart)
    assert approval.status == "approved"
    assert [entry.event_type for entry in approval.history] == ["approved"]
    assert log_of(log) == ["decision approve", "answer approved"]
