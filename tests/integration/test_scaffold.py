"""`trunkline new`: what it writes, and what it refuses.

That it is built, installed elsewhere and run by a host is in `test_third_party.py`; the tutorial
runs its tests there.
"""

import json
import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from environments import ROOT

from trunkline.cli import trunkline
from trunkline.cli.leaving import exit_code
from trunkline.errors import UsageError, UserError

TEMPLATE = ROOT / "docs" / "examples" / "plugin-package"


def new(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> str:
    """Run the command in a folder; return what it prints."""
    monkeypatch.chdir(folder)
    return CliRunner().invoke(trunkline, ["new", name, *options], catch_exceptions=False).output


def contents(folder: Path) -> dict[str, bytes]:
    """Return what is there, to the byte; but for what Python left behind where it was imported."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_p26_every_file_of_the_example_is_there_under_its_new_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no name of the example is left in any of them; `--json` lists them."""
    written = json.loads(new("x", tmp_path, monkeypatch, "--json"))
    assert written["folder"] == "trunkline-x"
    copied = contents(tmp_path / "trunkline-x")
    assert len(copied) == len(contents(TEMPLATE)) == len(written["files"])
    for name, text in copied.items():
        left = re.sub(r'audit_event|SOURCE = "audit"|"topic": "audit"', "", text.decode())
        assert "acme" not in name + left
        assert "audit" not in (name + left).lower()


@pytest.mark.parametrize(
    ("name", "package"), [("login_audit", "trunkline-login-audit"), ("last__", "trunkline-last")]
)
def test_p26_each_name_is_one_that_a_package_can_have(
    name: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it holds a word of the example, or ends as a distribution's name must not."""
    new(name, tmp_path, monkeypatch)
    project = tomllib.loads((tmp_path / package / "pyproject.toml").read_text())
    module = package.replace("-", "_")
    assert project["project"]["name"] == package
    assert project["project"]["entry-points"]["trunkline.plugins"] == {name: module}
    assert (tmp_path / package / "src" / module / "__init__.py").is_file()


def test_p26_nothing_is_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands there stays as it is."""
    folder = tmp_path / "trunkline-x"
    folder.mkdir()
    (folder / "mine").write_text("mine")
    with pytest.raises(UserError, match="is there already; nothing was written") as caught:
        new("x", tmp_path, monkeypatch)
    assert exit_code(caught.value) == 1
    assert contents(tmp_path) == {"trunkline-x/mine": b"mine"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Price-Alert", "how about `price_alert`"),
        ("../x", "how about `x`"),
        ("1x", "is no name for a plugin"),
        ("x" * 65, "is no name for a plugin"),
        ("flow", "there is a plugin `flow` already"),
    ],
)
def test_p26_a_name_that_cannot_be_is_refused(
    name: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is written, with one that would do."""
    with pytest.raises(UsageError, match=words) as caught:
        new(name, tmp_path, monkeypatch)
    assert exit_code(caught.value) == 2
    assert not any(tmp_path.iterdir())


def test_p26_the_example_is_in_the_wheel(tmp_path: Path) -> None:
    """Beside the command that copies it, to the byte."""
    import zipfile

    from hatchling.builders.wheel import WheelBuilder

    [wheel] = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    inside = "trunkline/cli/plugin-package/"
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith(inside)]
        shipped = {name.removeprefix(inside): archive.read(name) for name in names}
    assert shipped == contents(TEMPLATE)
