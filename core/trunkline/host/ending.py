"""The end of a program, while threads can still be started.

`atexit` is too late for that: from Python 3.12 on no thread can begin in one of its functions, and
a host that has been idle needs some to deliver. So a thread that the interpreter waits for looks
out for the end of the main thread.
"""

import threading
from collections.abc import Callable

NAME = "trunkline-end"
LOOK = 1.0  # s until it notices that it is not needed any more; the end itself it notices at once


def call_at_the_end(function: Callable[[], object], job: threading.Thread) -> None:
    """Call `function` in a thread when the program ends, unless `job` has ended by then.

    The program ends when its main thread and all others that are no daemons have.
    """
    watching = (function, job)
    threading.Thread(target=_watch, args=watching, name=NAME, daemon=False).start()


def _watch(function: Callable[[], object], job: threading.Thread) -> None:
    main = threading.main_thread()
    while main.is_alive():
        if not job.is_alive():
            return
        main.join(LOOK)
    while working := _working_threads(main):
        working[0].join()
    function()


def _working_threads(main: threading.Thread) -> list[threading.Thread]:
    """Return those that keep the program alive, but for the likes of us."""
    return [
        each
        for each in threading.enumerate()
        if not each.daemon and each is not main and each.name != NAME
    ]
