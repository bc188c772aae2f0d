"""F19: bad plugins of eleven kinds beside a good one, in a whole host; the good one loses nothing."""

import logging
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
import trio
from host_bench import plugin, running

from trunkline import Event

RUN = "@hookimpl\nasync def trunkline_run(ctx):\n"
#: {plugin: (its code, how the reason begins that it waits for; None: it goes on running)}
BAD: dict[str, tuple[str, str | None]] = {
    "a_raises": (RUN + "    raise ValueError('boom')\n", "ValueError: boom"),
    "b_hangs": (RUN + "    await trio.sleep_forever()\n", "no `ctx.started()` within 30 s"),
    "c_not_ready": (
        "from trunkline.plugin_api import NotReady\n"
        + RUN
        + "    raise NotReady('the disk is away', retry_after=5)\n",
        "the disk is away",
    ),
    "d_spins": (  # once: a loop that stands still has no time in which anything could be lost
        "import time\nspins = [2.7]\n"
        + RUN
        + "    if spins:\n        time.sleep(spins.pop())\n    raise ValueError('dizzy')\n",
        "ValueError: dizzy",
    ),
    "e_leaks": (
        RUN
        + "    async with trio.open_nursery() as nursery:\n"
        + "        for _ in range(1000):\n            nursery.start_soon(trio.sleep_forever)\n"
        + "        raise ValueError('leak')\n",
        "ValueError: leak",
    ),
    "f_exits": (RUN + "    raise SystemExit(1)\n", "SystemExit: 1"),
    "g_recurses": (RUN + "    await trunkline_run(ctx)\n", "RecursionError: maximum recursion"),
    "h_swallows": (
        RUN
        + "    try:\n        await trio.sleep_forever()\n    except BaseException:\n        pass\n",
        "no `ctx.started()` within 30 s",
    ),
    "i_filter": (
        "@hookimpl\ndef trunkline_register_filters(filters):\n"
        "    filters.add('mask', lambda e: e if e.get('n') % 50 else e.gone, topics=['numbers'])\n",
        None,
    ),
    "j_classifier": (
        "@hookimpl\ndef trunkline_register_classifiers(classifiers):\n"
        "    classifiers.add('types', lambda kind: kind.gone)\n",
        None,
    ),
    "k_panics": (  # as a library in Rust does
        "class Panic(BaseException): ...\n" + RUN + "    raise Panic('unwrap on None')\n",
        "Panic: unwrap on None",
    ),
}
GOOD = """
seen = []

@hookimpl
def trunkline_register_topics(topics):
    topics.add("numbers")

@hookimpl
def trunkline_register_classifiers(classifiers):
    classifiers.add("types", lambda kind: "numbers" if kind == "number" else None)

@hookimpl
def trunkline_register_subscriptions(subscriptions):
    async def keep(event):
        seen.append(event.get("n"))
    subscriptions.add("numbers", keep)
"""
SECONDS = 400  # virtual; each has had many tries by then


async def test_f19_bad_plugins_beside_a_good_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, autojump_clock: trio.testing.MockClock
) -> None:
    """Each is named, waits with reason and time, and is tried again for ever; the socket stays.

    The filter's events are dropped and counted, the classifier gives no answer, the spin is logged
    with its stack, and no log line comes without end.
    """
    paths = [plugin(tmp_path, name, code) for name, (code, _) in BAD.items()]
    paths.append(plugin(tmp_path, "z_good", GOOD))
    tried: Counter[str] = Counter()
    told: dict[str, Event] = {}

    def count(event: Event) -> None:
        if event.type == "plugin.state" and event.get("retry_at") is not None:
            tried[event.data["plugin"]] += 1

    def note(event: Event) -> None:
        if event.type == "plugin.state":
            told[event.data["plugin"]] = event

    async with running({"plugins": {"paths": paths}}) as (host, simulator):
        await host.connection.wait_connected()
        host.router.subscribe("system", count)
        for number in range(SECONDS):
            simulator.push({"type": "number", "n": number})
            await trio.sleep(1)
        host.router.subscribe("system", note)  # late: only what is retained
        status: dict[str, Any] = orjson.loads(orjson.dumps(host.status()))
        statistics = host.router.statistics()

    dropped = [number for number in range(SECONDS) if number % 50 == 0]
    seen = sys.modules["trunkline_local.z_good"].seen
    assert seen == [number for number in range(SECONDS) if number not in dropped]
    assert statistics.dropped["i_filter.mask", "filter failed"] == len(dropped)
    assert status["connection"]["epoch"] == 1
    assert status["connection"]["connect_count"] == 1
    by_name = {each["name"]: each for each in status["plugins"]}
    for name, (_, reason) in BAD.items():
        if reason is None:
            assert by_name[name]["state"] == "running"
            continue
        assert by_name[name]["state"] == "waiting", name
        assert by_name[name]["reason"].startswith(reason)
        assert by_name[name]["retry_at"] is not None
        assert told[name].data["reason"] == by_name[name]["reason"]
        assert tried[name] >= 5, name
    assert by_name["z_good"]["state"] == "running"
    blocked = [vars(each) for each in caplog.records if each.getMessage() == "host.blocked"]
    assert any(
        record["plugin"] == "d_spins" and "d_spins.py" in record["stack"] for record in blocked
    )
    lines = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert len(lines) < 50
