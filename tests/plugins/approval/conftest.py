"""A host with the plugin, and its commands against a server on loopback."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from approval_host import VirtualApproval
from approval_served import Run
from click.testing import CliRunner, Result
from served import Served, serving

from trunkline.cli import trunkline
from trunkline.testing import HostFactory


@pytest.fixture
def approval_host(trunkline_host: HostFactory, tmp_path: Path) -> Callable[..., Any]:
    """Run a host with the plugin: `approval_host(rule=[...])`."""

    def run(**table: Any) -> Any:
        table.setdefault("audit", str(tmp_path / "log.jsonl"))
        return trunkline_host(only={"approval": VirtualApproval()}, config={"approval": table})

    return run


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(seed=1) as found:
        yield found


@pytest.fixture
def config(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOKEN", "demo-token")
    file = tmp_path / "trunkline.toml"
    file.write_text(f'[connection]\nurl = "{served.url}"\ntoken = {{ env = "TOKEN" }}\n')
    return file


@pytest.fixture
def run(config: Path) -> Run:
    """Run `trunkline approvals ...`; errors of ours come out as they are."""

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(
            trunkline, ["approvals", *words, "--config", str(config)], standalone_mode=False
        )

    return invoke
