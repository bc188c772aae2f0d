"""An execution view: follow one execution's log; stop it when a line says so, or on Enter.

python execution_view.py URL EXECUTION_ID TOKEN [TEXT THAT STOPS IT]
"""

import sys
from functools import partial

import trio

import trunkline
from trunkline_plugins.flow import FINAL_STATUSES, stop


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
                line = str(item.get("payload.line", ""))
                print(line, flush=True)
                if stop_at is not None and stop_at in line:
                    stop_at = None  # once
                    await ask_to_stop(connection, execution_id)
            elif item.type == "status_update" and item.get("payload.status") in FINAL_STATUSES:
                return str(item.get("payload.status"))
    raise AssertionError("the stream ends with its scope")


async def ask_to_stop(connection: trunkline.Connection, execution_id: str) -> None:
    """Stop the execution, and print what the server says."""
    try:
        with trio.fail_after(10):
            reply = await stop(connection, execution_id)
    except (trunkline.Rejected, trunkline.NotSent, trunkline.OutcomeUnknown) as exc:
        print(f"-- not stopped: {exc}", flush=True)
    except trio.TooSlowError:
        print("-- not stopped: no answer within 10 s", flush=True)
    else:
        print(f"-- {reply['status']}", flush=True)


async def stop_on_enter(connection: trunkline.Connection, execution_id: str) -> None:
    """Stop the execution when the person presses Enter."""
    await trio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)
    await ask_to_stop(connection, execution_id)


async def main(
    url: str, execution_id: str, token: str | None = None, stop_at: str | None = None
) -> None:
    """Follow one execution from a terminal."""
    async with (
        trunkline.open_connection(url, token) as connection,
        trio.open_nursery() as nursery,
    ):
        if sys.stdin.isatty():
            nursery.start_soon(stop_on_enter, connection, execution_id)
        print(f"ended: {await follow(connection, execution_id, stop_at)}", flush=True)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(partial(main, *sys.argv[1:]))
