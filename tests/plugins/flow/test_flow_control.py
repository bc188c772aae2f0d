"""Commands for executions become the messages of protocol §9."""

from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from trunkline import Rejected
from trunkline_plugins.flow import send_message, stop

ID = "1eba553a-2baf-4603-a7a0-f8b7856aefad"


@attrs.define
class Server:
    """Answers every command with one status."""

    status: str
    received: list[Mapping[str, Any]] = attrs.Factory(list)

    async def send(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        self.received.append(message)
        return {
            "type": "command_ack",
            "execution_id": message["execution_id"],
            "command": message["command"],
            "status": self.status,
        }


async def test_stop_sends_its_reason_and_returns_the_answer() -> None:
    """The message is the recorded one, field by field."""
    server = Server("stopped")
    reply = await stop(server, ID, "test")
    assert server.received == [
        {"type": "command", "command": "stop", "execution_id": ID, "payload": {"reason": "test"}}
    ]
    assert reply["status"] == "stopped"


async def test_stop_without_reason_has_no_payload() -> None:
    """Nothing is invented for an option that was left out."""
    server = Server("stopped")
    await stop(server, ID)
    assert server.received == [{"type": "command", "command": "stop", "execution_id": ID}]


async def test_send_message_carries_the_text_at_the_top() -> None:
    """The agent reads `message` beside the command, not in the payload."""
    server = Server("command_sent")
    await send_message(server, ID, "hello agent")
    assert server.received == [
        {
            "type": "command",
            "command": "send_message",
            "execution_id": ID,
            "message": "hello agent",
        }
    ]


async def test_message_that_was_not_passed_on_fails_loudly() -> None:
    """`command_not_sent` acknowledges that nothing happened, so it is an error."""
    with pytest.raises(Rejected, match="could not pass") as caught:
        await send_message(Server("command_not_sent"), ID, "hello")
    assert caught.value.reply["status"] == "command_not_sent"
