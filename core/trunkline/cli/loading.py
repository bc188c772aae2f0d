"""What surrounds the loading of plugins in a command whose output is an answer."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout


@contextmanager
def loading() -> Iterator[None]:
    """Let what plugins print while they are imported go to stderr: a program reads stdout."""
    with redirect_stdout(sys.stderr):
        yield
