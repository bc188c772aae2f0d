"""What foreign code raises stays at the border, but for what ends a task or the program."""

import pytest
import trio
from panic import Panic

from trunkline.border import let_pass


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        SystemExit(3),
        Panic(),
        BaseExceptionGroup("both", [Panic(), ExceptionGroup("in", [ValueError("x")])]),
    ],
)
def test_p15_whatever_foreign_code_raises_stays(error: BaseException) -> None:
    """Alone and in groups."""
    let_pass(error)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), GeneratorExit()])
def test_p15_what_ends_the_program_passes(error: BaseException) -> None:
    """As it was, and out of a group without the rest."""
    with pytest.raises(type(error)):
        let_pass(error)
    with pytest.raises(BaseExceptionGroup) as caught:
        let_pass(BaseExceptionGroup("both", [Panic(), error]))
    assert caught.value.exceptions == (error,)


async def test_p15_a_cancel_passes_the_failure_of_a_sibling() -> None:
    """The scope that was cancelled ends, although something else was raised beside it."""

    async def panic_when_cancelled() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise Panic

    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(panic_when_cancelled)
                nursery.start_soon(trio.sleep_forever)
        except BaseException as exc:
            let_pass(exc)
            raise
    assert scope.cancelled_caught
