"""What every record passes between the inbox and the outbox; pure (activity §3).

    consent → enrich → redact → before_send → redact → limits

Fail closed: whatever goes wrong in a stage drops that record, by name, and the next one goes on.
`before_send` is looked at twice, because it may bring back what was taken out.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs
import orjson

from trunkline.activity import record
from trunkline.activity.copying import copied
from trunkline.activity.inbox import Call
from trunkline.activity.redaction import Redactor, path_cleaned
from trunkline.activity.staged import Dropped, Staged
from trunkline.border import let_pass
from trunkline.events import Event

Consent = Callable[[str], bool]
BeforeSend = Callable[[Event], Event | None]


@attrs.define
class Stages:
    """The hooks and rules of one host; `running` tells which hook is at work."""

    redactor: Redactor = attrs.Factory(Redactor)
    consent: Consent | None = None
    before_send: BeforeSend | None = None
    application: Mapping[str, str] = attrs.Factory(dict)
    """Stands in every record's context, such as `{"application": "shop", "version": "1.4"}`."""
    running: str = attrs.field(default="", init=False)
    """The hook that was called and has not returned; empty: none."""
    applied_count: int = attrs.field(default=0, init=False)
    """How many records it has looked at: whether it gets on."""

    def __attrs_post_init__(self) -> None:
        self.application = {
            record.text(key, record.NAME_LENGTH): record.text(value, record.NAME_LENGTH)
            for key, value in self.application.items()
        }

    @property
    def has_hooks(self) -> bool:
        """It calls what is not ours, and may take any time."""
        return self.consent is not None or self.before_send is not None

    def apply(self, call: Call) -> Staged | Dropped:
        """Return the record as it may be kept, or why it may not."""
        self.applied_count += 1
        try:
            return self._apply(call)
        except BaseException as exc:  # noqa: BLE001 - hooks are not ours, and neither is what they left behind
            let_pass(exc)
            return Dropped(self.running or "stages", "raised", exc)
        finally:
            self.running = ""

    def events(self, calls: Iterable[Call]) -> list[Event]:
        """Return those that pass as the events that hooks and sinks know."""
        passed = map(self.apply, calls)
        return [activity_event(each) for each in passed if isinstance(each, Staged)]

    def permits(self, subject: str | None) -> bool:
        """Ask for consent; an exception means no (A15)."""
        if self.consent is None or subject is None:
            return True
        self.running = "consent"
        try:
            return self.consent(subject) is True
        except BaseException as exc:  # noqa: BLE001 - a hook that fails has not consented
            let_pass(exc)
            return False
        finally:
            self.running = ""

    def traits(self, traits: dict[str, Any]) -> dict[str, Any]:
        """Return what the hello may say of the program's subject."""
        return self._fit({"at": 0, "metadata": traits})[0]["metadata"]  # type: ignore[no-any-return] # made as one

    def _apply(self, call: Call) -> Staged | Dropped:
        if self.consent is not None and call.subject is not None:
            self.running = "consent"
            if self.consent(call.subject) is not True:
                return Dropped("consent", "refused")
            self.running = ""
        data, body = self._fit(self._fields(call))
        if self.before_send is not None:
            changed = self._changed(call, data)
            if isinstance(changed, Dropped):
                return changed
            data, body = self._fit(changed)
        return Staged(call.id, call.kind, call.wall_time, data.get("subject"), body)

    def _fields(self, call: Call) -> dict[str, Any]:
        """Return what was recorded, with what the host knows of the moment."""
        fields = {
            "at": record.moment(call.at, call.wall_time),
            "metadata": call.metadata,
            "path" if call.kind == "page_view" else "name": call.label,
            "referrer": call.referrer,
            "value": call.value,
            "subject": call.subject,
            "session": call.session,
        }
        if call.handling or self.application:
            fields["context"] = {**self.application, **(call.handling or {})}
        return fields

    def _fit(self, fields: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Redact, then apply the limits."""
        clean = {**fields, "metadata": self.redactor.mapping(fields["metadata"])}
        for name in ("path", "referrer"):
            if clean.get(name):
                clean[name] = path_cleaned(clean[name])
        return record.fitted(clean)

    def _changed(self, call: Call, data: dict[str, Any]) -> dict[str, Any] | Dropped:
        """Let `before_send` have its say; id, type and time stay what they were."""
        event = Event(
            record.TOPIC, call.kind, data, origin="local", received=call.wall_time, id=call.id
        )
        self.running = "before_send"
        changed = self.before_send(event)  # type: ignore[misc] # asked for before
        if changed is None:
            return Dropped("before_send", "refused")
        label = "path" if call.kind == "page_view" else "name"
        if not (isinstance(changed, Event) and isinstance(changed.data.get(label), str)):
            return Dropped("before_send", "not_an_event")
        fields = dict(changed.data)
        context, metadata = data.get("context"), fields.get("metadata")
        self.running = ""
        return {
            **{name: fields.get(name) for name in (*record.TEXTS, "value")},
            "at": data["at"],
            "context": context,
            "metadata": copied(metadata)[0] if isinstance(metadata, Mapping) else {},
        }


def activity_event(staged: Staged) -> Event:
    """Return a record that passed as the event that hooks and sinks know."""
    data = orjson.loads(staged.data)
    return Event(
        record.TOPIC, staged.kind, data, origin="local", received=staged.wall_time, id=staged.id
    )
