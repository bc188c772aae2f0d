"""How a command ends: each exception to its exit code and its words."""

import os
import sys

import click

from trunkline.cli import BAD_CONFIG, FAILED, OK, PLUGIN_MISSING, USAGE, ReaderGone
from trunkline.errors import (
    ConfigError,
    RequiredPluginMissing,
    TrunklineError,
    UsageError,
)

LONGEST_LINE = 2000  # characters


def exit_code(exc: BaseException) -> int:
    """Say what went wrong, if anything, and return the exit code; a bug is raised again."""
    found = _only(exc)
    match found:
        case click.exceptions.Exit():
            return found.exit_code
        case click.ClickException():
            found.show()
            return USAGE
        case KeyboardInterrupt() | click.Abort():
            return flushed(OK)
        case ReaderGone() | BrokenPipeError():  # the latter out of a group
            return _gone()
        case ConfigError():
            for problem in found.problems:
                click.echo(str(problem), err=True)
            return BAD_CONFIG
        case RequiredPluginMissing():
            return _said(found, PLUGIN_MISSING)
        case UsageError():
            return _said(found, USAGE)
        case TrunklineError():
            return _said(found, FAILED)
        case SystemExit():
            return found.code if isinstance(found.code, int) else FAILED
    raise exc


def flushed(code: int) -> int:
    """Write out what is buffered; if nobody reads any more, or a plugin closed it, that is fine."""
    try:
        if not sys.stdout.closed:
            sys.stdout.flush()
    except BrokenPipeError:
        return _gone()
    return code


def _only(exc: BaseException) -> BaseException:
    """Return what a group holds, if it is one thing."""
    while isinstance(exc, BaseExceptionGroup) and len(exc.exceptions) == 1:
        exc = exc.exceptions[0]
    return exc


def _said(exc: Exception, code: int) -> int:
    from trunkline.text import escaped

    lines = [escaped(line, LONGEST_LINE) for line in str(exc).split("\n")]  # some of it is a peer's
    click.echo("trunkline: " + "\n".join(lines), err=True)
    return code


def _gone() -> int:
    """Leave quietly: the reader of our output went away, as `head` does."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return OK
