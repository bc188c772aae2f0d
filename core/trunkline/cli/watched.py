"""What a watched process runs: `trunkline`, until its watcher is gone, in whatever way that ended.

Its standard input is a pipe in which nothing is ever written; its end is the watcher's end.
"""

import os
import signal
import threading

from trunkline.cli import main


def _end_with(watcher: int) -> None:
    os.read(watcher, 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    link = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # for plugins there is nothing to read
    threading.Thread(target=_end_with, args=(link,), daemon=True).start()
    main()
