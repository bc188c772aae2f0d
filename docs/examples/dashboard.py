"""A dashboard: the most recent executions, printed as they start, move and end.

python dashboard.py ws://127.0.0.1:8765/api/v1/ws/unified demo-token
"""

import sys
from functools import partial

import trio

import trunkline
from trunkline_plugins.flow import Execution, ExecutionStore

SHOWN = 10


async def main(url: str, token: str | None = None) -> None:
    """Print the table each time an execution starts or changes its status, until interrupted."""
    store = ExecutionStore()
    shown: dict[str, str] = {}  # {execution id: the status that was printed last}

    async with trunkline.open_connection(url, token) as connection:
        connection.on_state_change(lambda change: print(f"-- {change.new.value}", flush=True))
        store.follow(connection)
        async with connection.events("flow_executions") as events:
            async for item in events:
                if isinstance(item, trunkline.Gap):
                    print(f"-- events may be missing since {item.since:%H:%M:%S}", flush=True)
                    continue
                now = {each.id: each.status for each in store.executions()}
                if now != shown:
                    shown = now
                    draw(store.executions()[:SHOWN])


def draw(executions: tuple[Execution, ...]) -> None:
    """Print one picture of the table."""
    print("execution  flow                  status        tokens")
    for each in executions:
        name, tokens = each.flow_name or "", each.tokens or 0
        print(f"{each.id[:8]:9}  {name[:20]:20}  {each.status:12}  {tokens:6}", flush=True)


if __name__ == "__main__":
    trio.run(partial(main, *sys.argv[1:]))
