"""`schema`, and what else may import no plugin."""

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from trunkline.cli import main, trunkline

PLUGIN = """
    import attrs
    from trunkline import PluginInfo, hookimpl

    @attrs.frozen
    class Vault:
        key: str
        \"\"\"What opens it.\"\"\"

    trunkline_plugin = PluginInfo(config=Vault)
    print("a plugin that prints is no reason for an answer that cannot be read")

    @hookimpl
    async def trunkline_run(ctx): ...
"""
CONFIG = """
[connection]
url = "ws://localhost/"
[plugins]
paths = ["vault.py", "broken.py"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vault.py").write_text(dedent(PLUGIN))
    (tmp_path / "broken.py").write_text("import not_there")
    (tmp_path / "trunkline.toml").write_text(CONFIG)
    return tmp_path


def schema(*arguments: str) -> Result:
    return CliRunner().invoke(trunkline, ["schema", *arguments])


def test_p23_schema_knows_the_plugins_of_the_file(folder: Path) -> None:
    """One that lacks its table too: an editor helps to write it. One that is broken is named."""
    result = schema()

    assert result.exit_code == 0
    assert "\nnot in the schema: plugin broken" in result.stderr
    judge = Draft202012Validator(json.loads(result.stdout))
    connection = {"connection": {"url": "ws://localhost/"}}
    assert judge.is_valid({**connection, "plugin": {"vault": {"key": "x"}}})
    [error] = judge.iter_errors({**connection, "plugin": {"vault": {"kye": "x", "key": "y"}}})
    assert "kye" in error.message
    assert judge.is_valid({**connection, "plugin": {"broken": {"anything": 1}}})


def test_p23_schema_of_a_wrong_file_helps_to_mend_it(folder: Path) -> None:
    """As long as it says which plugins there are."""
    file = folder / "trunkline.toml"
    file.write_text(CONFIG.replace("ws://", "http://") + "[hots]\n")
    assert "vault" in json.loads(schema().stdout)["properties"]["plugin"]["properties"]
    file.write_text("[plugins\n")
    assert schema().exit_code != 0


def test_p23_schema_follows_the_switches(folder: Path) -> None:
    """What would not run is not judged."""
    for arguments in (["--core"], ["--safe"], ["--disable", "vault"]):
        tables = json.loads(schema(*arguments).stdout)["properties"]["plugin"]["properties"]
        assert "vault" not in tables
        assert ("activity" in tables) is (arguments != ["--core"])


def test_p07_looking_imports_no_third_party(tmp_path: Path) -> None:
    """By entry point or by path: a broken or hostile plugin cannot hinder help."""
    mark = tmp_path / "imported"
    info = tmp_path / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[trunkline.plugins]\nacme = acme_plugin\n")
    for name in ("acme_plugin", "local"):
        (tmp_path / f"{name}.py").write_text(f"open({str(mark)!r}, 'a').write({name!r})")
    (tmp_path / "trunkline.toml").write_text(
        CONFIG.replace('"vault.py", "broken.py"', '"local.py"')
    )
    code = """
        import sys
        from trunkline.cli import main
        for words in (["--version"], ["-h"], ["plugins"], ["plugins", "--json"], ["schema", "--core"]):
            try:
                main(words)
            except SystemExit as exc:
                assert not exc.code, words
        assert "acme_plugin" not in sys.modules
        try:
            main(["plugins", "--hooks"])  # the proof that they were there to be imported
        except SystemExit as exc:
            assert not exc.code
    """

    done = subprocess.run(
        [sys.executable, "-c", dedent(code)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert done.returncode == 0, done.stderr
    assert sorted(mark.read_text().split("acme_plugin")) == ["", "local"]
    before_hooks = done.stdout.partition("IMPORT_MS")[0]
    assert "acme" in before_hooks
    assert "local" in before_hooks


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_schema_prints_the_tables_of_an_sql_sink(
    folder: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether the file has such a sink or not; a kind that has none is a wrong usage."""
    assert schema("--sql", kind, "--safe").stdout.startswith("BEGIN;\nCREATE TABLE IF NOT EXISTS")
    with pytest.raises(SystemExit) as left:
        main(["schema", "--sql", "jsonl", "--safe"])
    assert left.value.code == 2
    assert "those that have: postgresql, sqlite" in capsys.readouterr().err
