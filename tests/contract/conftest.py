"""The log of the core, whole, for the tests of what a peer may send."""

import logging

import pytest


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Return what captures the log of the core, down to DEBUG."""
    caplog.set_level(logging.DEBUG, "trunkline")
    return caplog
