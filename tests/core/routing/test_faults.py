"""What goes wrong with foreign code, as its author is told of it."""

import orjson
import pytest

from trunkline.events import Event
from trunkline.routing.router import Router


@pytest.mark.parametrize("message", [{"type": "new"}, {"type": "a", "topic": "b"}, {"topic": "b"}])
def test_p16_what_a_handler_raises_comes_of_nothing_of_ours(
    message: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """Its traceback shows the handler's error alone, also where the fast path knows no topic yet."""

    def fail(_: Event) -> None:
        raise ValueError("the handler's")

    router = Router()
    router.subscribe("*", fail)
    router.route_batch([orjson.dumps(message)], orjson.loads, lambda _: None, 1, 0.0)
    [exc] = [each.exc_info[1] for each in caplog.records if each.exc_info]
    assert isinstance(exc, ValueError)
    assert exc.__context__ is None
