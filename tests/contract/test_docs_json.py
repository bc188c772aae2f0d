"""What programs read has the fields that its page lists, no more and no less."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from trunkline.cli import trunkline

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
BROKEN = "print('noise, which is no part of an answer')\nimport not_there"


def told(command: str) -> list[str]:
    """Return the names in the first column of a command's table."""
    table = PAGE.partition(f"| field of `{command}` |")[2].partition("\n\n")[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.py").write_text(BROKEN)
    Path("trunkline.toml").write_text(
        '[connection]\nurl = "ws://localhost/"\n[plugins]\npaths = ["broken.py"]\n'
    )


def test_plugins_have_the_fields_that_are_told() -> None:
    """Each, whatever its state; those of `--hooks` come last."""
    looked_at, imported = (
        json.loads(CliRunner().invoke(trunkline, ["plugins", "--json", *arguments]).stdout)
        for arguments in ([], ["--hooks"])
    )
    assert {row["state"] for row in looked_at} == {"waiting"}
    assert [[*row] for row in looked_at] == [told("plugins")[:-4]] * len(looked_at)
    assert {row["state"] for row in imported} == {"waiting", "failed"}
    assert [[*row] for row in imported] == [told("plugins")] * len(imported)
    [broken] = [row for row in imported if row["name"] == "broken"]
    assert broken["location"] == "broken.py:2"
    assert broken["import_ms"] is not None


def test_check_has_the_fields_that_are_told() -> None:
    """The last three with `-v`."""
    for arguments, fields in (([], told("check")[:-3]), (["-v"], told("check"))):
        result = CliRunner().invoke(
            trunkline, ["check", "--json", *arguments], standalone_mode=False
        )
        report = json.loads(result.stdout)
        assert [*report] == fields
        assert [*report["failed"]] == ["broken"]
        assert report["warnings"] == [*report["failed"].values()]


def test_routes_has_the_fields_that_are_told() -> None:
    """Of a row, of a message's way, of a verdict."""
    text = PAGE.partition("`trunkline routes --json`")[2].partition("```")[0]
    row, *_ = json.loads(CliRunner().invoke(trunkline, ["routes", "--json"]).stdout)
    way = json.loads(
        CliRunner()
        .invoke(trunkline, ["routes", "--json", "--message", "-"], input='{"type":"x"}')
        .stdout
    )
    for name in (*row, *way, "name", "verdict", "does", "paths"):
        assert f"`{name}`" in text, name
