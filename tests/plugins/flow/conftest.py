"""A host with guards, for their tests."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from guarded import Guarding, table

from trunkline.testing import HostFactory, HostUnderTest


@pytest.fixture
def guarding(trunkline_host: HostFactory, tmp_path: Path) -> Guarding:
    """Run a host with the plugin and these rules: `async with guarding(rule) as host`."""

    def run(*rules: dict[str, Any], **more: Any) -> AbstractAsyncContextManager[HostUnderTest]:
        return trunkline_host(only=["flow"], config=table(tmp_path, *rules), **more)

    return run
