"""A dashboard: the most recent executions, printed as they start and end.

    python dashboard.py ws://127.0.0.1:8765/api/v1/ws/unified
"""

import sys

import trio

import trunkline

SHOWN = 10


async def main(url: str, token: str | None = None) -> None:
    """Print a line for each execution that starts or ends, until interrupted."""
    recent: dict[str, str] = {}  # {execution id: status}, the newest last

    def note(event: trunkline.Event) -> None:
        status = event.get("payload.status")
        if status is None:
            return
        execution_id = event.get("execution_id")
        if recent.get(execution_id) != status:
            recent.pop(execution_id, None)
            recent[execution_id] = status
            while len(recent) > SHOWN:
                recent.pop(next(iter(recent)))
            print(f"{execution_id[:8]}  {event.get('payload.flow_name', ''):20}  {status}", flush=True)

    async with trunkline.open_connection(url, token) as connection:
        connection.subscribe(
            "flow_executions",
            note,
            where={"type": ["execution_started", "status_update"]},
            on_gap=lambda gap: print(f"events may be missing since {gap.since:%H:%M:%S}"),
        )
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main, *sys.argv[1:])
