"""An execution view: follow one execution's log; stop it when a line says so, or on Enter.

    python execution_view.py URL EXECUTION_ID TOKEN
"""

import sys

import trio

import trunkline

TERMINAL = {"SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "TIMED_OUT", "ABORTED", "CANCELLED", "CANCELED"}  # fmt: skip


async def follow(
    connection: trunkline.Connection, execution_id: str, stop_at: str | None = None
) -> str:
    """Print the log until the execution ends; return its last status.

    With `stop_at` the execution is stopped once a line contains that text.
    """
    async with connection.events("flow_executions", where={"execution_id": execution_id}) as events:
        async for item in events:
            if isinstance(item, trunkline.Gap):
                print("-- lines may be missing here --", flush=True)
            elif item.type == "agent_log_line":
                line = item.get("payload.line", "")
                print(line, flush=True)
                if stop_at is not None and stop_at in line:
                    return await stop(connection, execution_id)
            elif item.get("payload.status") in TERMINAL:
                return str(item.get("payload.status"))
    return "UNKNOWN"


async def stop(connection: trunkline.Connection, execution_id: str) -> str:
    """Stop the execution; return what the server said."""
    reply = await connection.send(
        {"type": "command", "command": "stop", "execution_id": execution_id}
    )
    return str(reply and reply["status"]).upper()


async def stop_on_enter(connection: trunkline.Connection, execution_id: str) -> None:
    """Stop the execution when the person presses Enter."""
    await trio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)
    print(await stop(connection, execution_id), flush=True)


async def main(url: str, execution_id: str, token: str | None = None) -> None:
    """Follow one execution from a terminal."""
    async with (
        trunkline.open_connection(url, token) as connection,
        trio.open_nursery() as nursery,
    ):
        if sys.stdin.isatty():
            nursery.start_soon(stop_on_enter, connection, execution_id)
        print(await follow(connection, execution_id), flush=True)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main, *sys.argv[1:])
