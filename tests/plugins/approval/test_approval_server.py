"""Reading is tried again where that helps; what is no answer is named, not guessed at."""

from collections.abc import Mapping
from typing import Any

import attrs
import pytest
import trio
from approval_bench import ID, START, decision, row
from trio.testing import MockClock

from trunkline import InvalidData, NotSent, OutcomeUnknown, Rejected
from trunkline.plugin_api import Response
from trunkline_plugins.approval.reconcile import missed_since
from trunkline_plugins.approval.request import Message
from trunkline_plugins.approval.server import MOST_PAGES, Server
from trunkline_plugins.approval.store import ApprovalStore

OK = Response(200, {}, row())
LATER = Response(503, {}, {"detail": "later"})
LOST = OutcomeUnknown("lost")


@attrs.define
class Line:
    """Answers each question with the next of its answers; the last one again and again."""

    answers: list[Response | Exception]
    asked: list[tuple[str, Mapping[str, Any] | None]] = attrs.Factory(list)

    async def request(
        self, method: str, path: str, params: Mapping[str, Any] | None = None, json: Any = None
    ) -> Response:
        self.asked.append((method, params))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def collected(server: Server) -> list[Message]:
    return [message async for message in server.requests()]


@pytest.mark.parametrize("failures", [[LATER], [LOST], [NotSent("away"), Response(429, {}, None)]])
async def test_reading_is_tried_again(
    autojump_clock: MockClock, failures: list[Response | Exception]
) -> None:
    """After a pause each time; nothing is changed by reading twice."""
    line = Line([*failures, OK])
    message = await Server(line).request(ID)
    assert message is not None
    assert message["approval_request_id"] == ID
    assert len(line.asked) == len(failures) + 1
    assert trio.current_time() >= len(failures)


@pytest.mark.parametrize(("failure", "words"), [(LATER, "HTTP 503: later"), (LOST, "lost")])
async def test_reading_is_given_up_with_the_last_cause(
    autojump_clock: MockClock, failure: Response | Exception, words: str
) -> None:
    """Three times; a refusal that will not change is not asked for again."""
    line = Line([failure])
    with pytest.raises(OutcomeUnknown, match=words):
        await Server(line).request(ID)
    assert len(line.asked) == 3
    forbidden = Line([Response(403, {}, {"detail": "no"})])
    with pytest.raises(Rejected, match="no"):
        await Server(forbidden).request(ID)
    assert len(forbidden.asked) == 1


async def test_deciding_is_never_tried_again(autojump_clock: MockClock) -> None:
    """Only looked for: still pending, it is unanswered; unreadable, too."""
    for found in (OK, LATER):
        line = Line([LATER, found])
        result = await Server(line).decide(decision())
        assert (result.result, result.is_open) == ("unanswered", True)
        assert [method for method, _ in line.asked].count("POST") == 1


@pytest.mark.parametrize("wrong", [[], "text", None, {"id": 1}])
async def test_what_is_no_request_is_named(wrong: object) -> None:
    """Neither taken for one nor for none."""
    with pytest.raises(InvalidData):
        await Server(Line([Response(200, {}, wrong)])).request(ID)
    with pytest.raises(InvalidData):
        await collected(Server(Line([Response(200, {}, [wrong])])))


@pytest.mark.parametrize("wrong", ["../x", "", "a/b", "a" * 65, "é", "?x=1"])
async def test_nothing_but_an_id_gets_into_a_path(wrong: str) -> None:
    """It comes from events and from people (S7)."""
    line = Line([OK])
    with pytest.raises(InvalidData):
        await Server(line).request(wrong)
    with pytest.raises(InvalidData):
        await Server(line).decide(decision(request=wrong))
    assert line.asked == []


async def test_a_list_is_read_page_by_page_and_not_for_ever() -> None:
    """A server that never ends is left; one that sends no list is named."""
    endless = Line([Response(200, {}, [row()] * 100)])
    assert len(await collected(Server(endless))) == 100 * MOST_PAGES
    assert [params["skip"] for _, params in endless.asked if params][:3] == [0, 100, 200]
    with pytest.raises(InvalidData):
        await collected(Server(Line([Response(200, {}, {"rows": []})])))
    assert await Server(Line([Response(200, {}, "nothing")])).history(ID) == []


async def test_a_request_that_cannot_be_read_does_not_cost_the_others() -> None:
    """Nobody knows how old it is, so it is passed on, and the reading goes on."""
    rows = [row("odd", tool_args="all of them"), row("new"), row("old", requested_at="2026-01-01")]
    line = Line([Response(200, {}, []), Response(200, {}, rows)])
    missed = await missed_since(Server(line), ApprovalStore(), START)
    assert [message["approval_request_id"] for message in missed] == ["odd", "new"]
