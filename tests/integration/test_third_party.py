"""Plugins of others, built as wheels and installed into an environment of their own."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import trio
from environments import fresh_environment, install, run

from trunkline.cli.scaffolding import package_name, write_package
from trunkline.simulator import Simulator

BROKEN = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "acme-broken"
version = "2.1"
dependencies = ["trunkline>=0.1"]

[project.urls]
Issues = "https://example.org/issues"

[project.entry-points."trunkline.plugins"]
broken = "acme_broken"

[tool.hatch.build.targets.wheel]
packages = ["acme_broken"]
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build both as wheels, one of them from `trunkline new` (P26); install them beside Trunkline.

    No package index is asked.
    """
    home = tmp_path_factory.mktemp("third-party")
    broken = home / "broken"
    (broken / "acme_broken").mkdir(parents=True)
    (broken / "pyproject.toml").write_text(BROKEN)
    (broken / "acme_broken" / "__init__.py").write_text("import not_there\n")
    python = fresh_environment(home)
    write_package("audit", home)
    install(python, home, home / package_name("audit"), broken)
    return python


def trunkline(
    python: Path, *arguments: str, cwd: Path, **environ: str
) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "XDG_RUNTIME_DIR": str(cwd), **environ}
    return run(python, "-m", "trunkline", *arguments, cwd=cwd, env=env)


def config(directory: Path, url: str, more: str = "") -> None:
    (directory / "trunkline.toml").write_text(
        f'[connection]\nurl = "{url}"\ntoken = {{ env = "TOKEN" }}\n'
        f'[plugin.audit]\nfile = "audit.jsonl"\n{more}'
    )


def test_both_are_listed_with_their_distributions(environment: Path, tmp_path: Path) -> None:
    """By metadata alone: the broken one is not imported for that."""
    rows = json.loads(trunkline(environment, "plugins", "--json", cwd=tmp_path).stdout)
    ours = {row["name"]: row for row in rows if row["origin"] == "entry_point"}
    assert {name: (row["distribution"], row["version"]) for name, row in ours.items()} == {
        "audit": ("trunkline-audit", "0.1.0"),
        "broken": ("acme-broken", "2.1"),
    }


async def test_one_gets_its_events_and_the_other_stops_nobody(
    environment: Path, tmp_path: Path
) -> None:
    """The good one writes its file by its config; the broken one is named, with its error."""
    simulator = Simulator(seed=1)
    async with simulator.listen() as url:
        config(tmp_path, url)
        env = {**os.environ, "TOKEN": "demo-token", "XDG_RUNTIME_DIR": str(tmp_path)}
        with trio.fail_after(20), (tmp_path / "log").open("w") as log:
            host = await trio.lowlevel.open_process(
                [str(environment), "-m", "trunkline", "run"],
                cwd=tmp_path,
                env=env,
                stderr=log,
            )
            try:
                while not simulator.socket_count or not (tmp_path / "audit.jsonl").exists():
                    simulator.push({"topic": "audit", "type": "audit_event", "payload": {"n": 1}})
                    await trio.sleep(0.1)
            finally:
                host.terminate()
                await host.wait()
    first = json.loads((tmp_path / "audit.jsonl").read_text().splitlines()[0])
    assert (first["topic"], first["data"]["payload"]) == ("audit", {"n": 1})
    assert host.returncode == 0
    [failure] = [
        json.loads(line)
        for line in (tmp_path / "log").read_text().splitlines()
        if '"plugin.failed"' in line
    ]
    assert "plugin broken 2.1 (acme-broken" in failure["error"]
    assert "No module named 'not_there'" in failure["error"]
    assert "https://example.org/issues" in failure["error"]


@pytest.mark.parametrize("name", ["audit", "trunkline-audit"])
def test_one_can_be_disabled_by_plugin_or_distribution_name(
    name: str, environment: Path, tmp_path: Path
) -> None:
    """From the file; then its table is only a warning."""
    config(tmp_path, "wss://events.example/ws", f'[plugins]\ndisable = ["{name}", "broken"]\n')
    checked = trunkline(environment, "check", "-v", "--json", cwd=tmp_path, TOKEN="x")
    assert checked.returncode == 0, checked.stderr
    rows = json.loads(trunkline(environment, "plugins", "--json", cwd=tmp_path, TOKEN="x").stdout)
    states = {row["name"]: row["state"] for row in rows}
    assert states["audit"] == "disabled"
    assert "plugin.audit" in json.dumps(json.loads(checked.stdout)["warnings"])


def test_safe_leaves_both_out_and_says_so(environment: Path, tmp_path: Path) -> None:
    """`--safe` starts from the same file."""
    config(tmp_path, "wss://events.example/ws")
    checked = trunkline(environment, "check", "--safe", "--json", cwd=tmp_path, TOKEN="x")
    assert checked.returncode == 0
    assert "audit" in checked.stdout


def test_a_required_one_that_is_broken_ends_with_3(environment: Path, tmp_path: Path) -> None:
    """The host does not start without it."""
    config(tmp_path, "wss://events.example/ws", '[plugins]\nrequire = ["broken"]\n')
    checked = trunkline(environment, "run", cwd=tmp_path, TOKEN="x")
    assert checked.returncode == 3
    assert "broken" in checked.stderr
