"""What `--watch` looks at."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from trunkline.cli import trunkline
from trunkline.cli.changes import carried_over, changed, snapshot, sources

CONFIG = """
[connection]
url = "ws://localhost/"
[plugins]
paths = ["audit.py", "local"]
disable = ["off"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "audit.py").write_text("raise AssertionError('imported')")
    package = tmp_path / "local" / "whole"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "part.py").write_text("")
    (package / "data.json").write_text("{}")
    (tmp_path / "trunkline.toml").write_text(CONFIG.replace('disable = ["off"]', ""))
    return tmp_path


def looked_at(folder: Path, **switches: object) -> set[str]:
    """Return the names of the files that are looked at."""
    given = {"safe": False, "disable": (), **switches}
    paths = sources(folder / "trunkline.toml", **given)  # type: ignore[arg-type] # as given
    return {str(path.relative_to(folder)) for path in snapshot(paths or ())}


def test_the_file_and_the_plugins_it_names_are_looked_at(folder: Path) -> None:
    """Whole packages, Python files alone; nothing is imported."""
    everything = {"trunkline.toml", "audit.py", "local/whole/__init__.py", "local/whole/part.py"}

    assert looked_at(folder) == everything
    (folder / "local" / "new.py").write_text("")
    assert looked_at(folder) == {*everything, "local/new.py"}


def test_an_installed_plugin_is_looked_at_where_its_package_lies(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that is developed in an editable installation; not while it is switched off."""
    site = folder / "site"
    (site / "acme_plugin").mkdir(parents=True)
    (site / "acme_plugin" / "__init__.py").write_text("raise AssertionError('imported')")
    info = site / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[trunkline.plugins]\nacme = acme_plugin\ngone = acme_gone\n"
    )
    monkeypatch.syspath_prepend(str(site))

    assert "site/acme_plugin/__init__.py" in looked_at(folder)
    assert "site/acme_plugin/__init__.py" not in looked_at(folder, disable=["acme"])
    assert looked_at(folder, safe=True) >= {"trunkline.toml"}
    assert "acme_plugin" not in sys.modules


def test_a_file_that_is_wrong_does_not_say_what_to_look_at(folder: Path) -> None:
    """So what was looked at before stays."""
    (folder / "trunkline.toml").write_text("[plugns]\n")
    assert sources(folder / "trunkline.toml", safe=False, disable=()) is None
    assert sources(folder / "nowhere.toml", safe=False, disable=()) is None


def test_what_is_new_gone_or_different_has_changed(folder: Path) -> None:
    """By time and size; and a change is not forgotten when other files are looked at."""
    one, two, three = (folder / name for name in ("one.py", "two.py", "three.py"))
    one.write_text("1")
    two.write_text("2")
    before = snapshot([one, two, three])
    os.utime(one, ns=(1, 1))
    two.unlink()
    three.write_text("3")

    now = snapshot([one, two, three])

    assert changed(before, now) == sorted([one, two, three])
    assert changed(now, now) == []
    assert changed(carried_over(before, now), now) == [one]


def test_run_watch_passes_on_what_it_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watched process is the same command, without `--watch`; the check has its switches."""
    plans: list[Any] = []
    monkeypatch.setattr("trunkline.cli.watching.watch_host", plans.append)
    words = ["run", "my.toml", "--safe", "--disable", "a", "--disable", "b", "--log-json"]

    result = CliRunner().invoke(trunkline, [*words, "--watch"])

    [plan] = plans
    assert result.exit_code == 0
    assert plan.command == [*words[:-1], "--log-level", "info", "--log-json"]
    assert (plan.file, plan.safe, [*plan.disable]) == (Path("my.toml"), True, ["a", "b"])
