"""What plugin authors test with: a pytest plugin, loaded by those who ask for it.

    pytest_plugins = ["trunkline.testing"]      # in the conftest.py of your tests

It brings the fixture `trunkline_host` and needs pytest and pytest-trio
(`pip install "trunkline[testing]"`). There is no entry point: other suites pay nothing.
"""

import inspect

import pytest

from trunkline.testing.clock import run_in_virtual_time
from trunkline.testing.conforming import assert_plugin_conforms
from trunkline.testing.contained import ContainedError
from trunkline.testing.hosting import HostFactory, HostUnderTest, running_host

__all__ = [
    "ContainedError",
    "HostFactory",
    "HostUnderTest",
    "assert_plugin_conforms",
    "trunkline_host",
]


@pytest.fixture
def trunkline_host() -> HostFactory:
    """Run a host for a scope: `async with trunkline_host(only=["audit"]) as host: ...`.

    The arguments are those of `running_host`. The test runs in virtual time.
    """
    return running_host


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests that use the fixture under Trio, in virtual time."""
    for item in items:
        if (
            isinstance(item, pytest.Function)
            and "trunkline_host" in item.fixturenames
            and inspect.iscoroutinefunction(item.function)
        ):
            item.add_marker(pytest.mark.trio(run=run_in_virtual_time))
