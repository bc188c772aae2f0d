"""Sink `webhook`: events by HTTP, signed, to one address that stands in the configuration."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import NoReturn, Self

from trunkline import Event
from trunkline.plugin_api import NotReady, Reject, retry_after
from trunkline_plugins.sinks.encoding import encode
from trunkline_plugins.sinks.errors import Refused
from trunkline_plugins.sinks.webhook.answers import LONGEST_WAIT, Verdict, verdict
from trunkline_plugins.sinks.webhook.messages import Message, array, sentence
from trunkline_plugins.sinks.webhook.posting import Poster, Unusable
from trunkline_plugins.sinks.webhook.signature import signature

logger = logging.getLogger(__name__)


class WebhookSink:
    """Posts batches; whatever is answered, nothing is lost by it."""

    def __init__(
        self,
        name: str,
        poster: Poster,
        *,
        key: bytes | None = None,
        is_chat: bool = False,
        walltime: Callable[[], float] = time.time,
    ) -> None:
        """Sign with `key`, if there is one; say one sentence an event if it `is_chat`."""
        self._name = name
        self._poster = poster
        self._key = key
        self._is_chat = is_chat
        self._walltime = walltime
        self._held = ""  # why, once that was said

    async def __aenter__(self) -> Self:
        await self._poster.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._poster.__aexit__(*exc)

    async def write(self, events: Sequence[Event]) -> None:
        """Post the batch.

        Raises:
            NotReady: the receiver is not there, or a person has to act first; nothing counts.
            Refused: the receiver finds fault with the batch.
            Reject: some events are no JSON; the others are delivered.
        """
        if self._is_chat:
            for event in events:
                await self._deliver(sentence(event))
            return
        lines, refused = encode(events, Event.to_json)
        if lines:
            kept = [event for index, event in enumerate(events) if index not in refused]
            await self._deliver(array(kept, lines))
        if refused:
            raise Reject(refused)

    async def _deliver(self, message: Message) -> None:
        try:
            answer = await self._poster.post(message.body, self._headers(message))
        except Unusable as exc:
            self._hold(str(exc))
        reason = f"the receiver answered HTTP {answer.status}"
        match verdict(answer.status):
            case Verdict.TAKEN:
                self._held = ""
            case Verdict.WAIT:
                asked = retry_after(answer.retry_after, self._walltime())
                wait = None if asked is None else min(asked, LONGEST_WAIT)
                raise NotReady(reason, retry_after=wait)
            case Verdict.HALVE:
                raise Refused(reason)
            case Verdict.HOLD:
                self._hold(reason)

    def _headers(self, message: Message) -> dict[str, str]:
        now = int(self._walltime())
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": message.id,
            "webhook-id": message.id,
            "webhook-timestamp": str(now),
        }
        if self._key is not None:
            headers["webhook-signature"] = signature(self._key, message.id, now, message.body)
        return headers

    def _hold(self, reason: str) -> NoReturn:
        """Lose nothing by a wrong address or key: wait for a person, who is told once."""
        if reason != self._held:
            logger.error("webhook.held", extra={"sink": self._name, "reason": reason})
            self._held = reason
        raise NotReady(reason, retry_after=LONGEST_WAIT)
