"""The border to code that is not ours: whatever it raises stays there, but for what ends a task.

Not only `Exception`: libraries in Rust panic with a `BaseException` of their own, and so does
`sys.exit`. None of these may end a host. What Python and Trio end things with is nobody's failure.
"""

import trio

#: a cancel, Ctrl-C, and the end of a coroutine that nobody runs any more
PASSING = (trio.Cancelled, KeyboardInterrupt, GeneratorExit)


def let_pass(exc: BaseException) -> None:
    """Raise `exc` again if it is not for us; of a group, the part that is not, if there is one."""
    if isinstance(exc, BaseExceptionGroup):
        passing = exc.subgroup(PASSING)
        if passing is not None:
            raise passing
    elif isinstance(exc, PASSING):
        raise exc
