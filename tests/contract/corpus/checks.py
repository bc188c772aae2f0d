"""What has to hold whatever a peer has sent."""

import logging

import pytest
from connection_bench import Bench
from tests.contract.corpus.messages import CANARY

from trunkline.connection.states import ConnectionState

MEMORY = 4 << 20  # bytes


def check_log(log: pytest.LogCaptureFixture, most: int = 1) -> list[logging.LogRecord]:
    """Check that nothing of the peer's words is in it, and no traceback; return the warnings."""
    for record in log.records:
        assert CANARY not in record.getMessage() + str(vars(record))
        assert not record.exc_info
    warnings = [record for record in log.records if record.levelno >= logging.WARNING]
    assert len(warnings) <= most
    return warnings


def check_kept(bench: Bench) -> None:
    """Check that the link is the one it was, and what stood around the bad input has arrived."""
    assert bench.connection.state is ConnectionState.CONNECTED
    assert bench.connection.status.epoch == 1
    assert bench.states == ["connecting", "connected"]
    assert bench.gaps == []
    assert len(bench.events("before")) == len(bench.events("after")) == 1
