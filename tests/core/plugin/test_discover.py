"""What is found, and what the switches make of it, before anything is imported."""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from plugin_files import Site, Write, config

from trunkline.config import load_config
from trunkline.errors import UsageError
from trunkline.plugin.discover import Found, find_installed, find_local
from trunkline.plugin.record import PluginRecord
from trunkline.plugin.states import PluginState
from trunkline.plugin.survey import Survey, survey

EXPLODES = "raise AssertionError('imported')"


def by_name(surveyed: Survey) -> dict[str, PluginRecord]:
    return {record.name: record for record in surveyed.all_records}


def installed(name: str) -> Found:
    [found] = [found for found in find_installed() if found.name == name]
    return found


def test_p03_an_entry_point_is_found_by_metadata_alone(site: Site) -> None:
    """Name, distribution, version and where to complain; the module stays unread."""
    site.install("acme-audit", {"audit": EXPLODES}, urls=["Issues, https://acme.example/issues"])

    found = installed("audit")

    assert (found.origin, found.dist, found.version) == ("entry_point", "acme-audit", "2.1.0")
    assert (found.source, found.issues_url) == ("acme_audit_plugin0", "https://acme.example/issues")
    assert "acme_audit_plugin0" not in sys.modules


def test_p03_the_built_ins_are_entry_points_like_any_other() -> None:
    """The four are found in the metadata of trunkline itself."""
    builtins = {found.name for found in find_installed() if found.origin == "builtin"}

    assert builtins == {"flow", "approval", "activity", "system"}


def test_p03_a_stranger_is_no_built_in_by_pointing_at_one(site: Site) -> None:
    """The origin is the distribution's, not the module's."""
    site.install("acme-audit", {"audit": EXPLODES}, target="trunkline_plugins.flow")

    assert installed("audit").origin == "entry_point"


def test_p03_paths_are_files_packages_and_directories_of_them(write: Write) -> None:
    """The name is the stem; a leading `_` hides; what is no plugin is not looked at."""
    write("single.py", "")
    write("pack/__init__.py", "")
    write("many/one.py", "")
    write("many/two/__init__.py", "")
    write("many/_hidden.py", "")
    write("many/.cache/__init__.py", "")
    write("many/notes.txt", "")
    root = write("many/three.py", "").parent.parent

    found = find_local([root / "single.py", root / "pack", root / "many", root / "many/one.py"])

    assert [each.name for each in found] == ["single", "pack", "one", "three", "two"]


def test_p04_a_local_file_shadows_nothing(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """`json.py` is imported as `trunkline_local.json`; `sys.path` stays as it was."""
    import json

    path_before = list(sys.path)
    [found] = find_local([write("json.py", "WHO = 'local'")])

    module = found.load()

    assert vars(module)["WHO"] == "local"
    assert (sys.modules["json"], sys.path) == (json, path_before)
    assert sys.modules["trunkline_local.json"] is module


def test_p04_a_local_package_imports_its_own_modules(write: Write) -> None:
    """Relatively, as any package does."""
    write("pack/part.py", "VALUE = 7")
    [found] = find_local([write("pack/__init__.py", "from .part import VALUE").parent])

    assert vars(found.load())["VALUE"] == 7


def test_p04_a_failed_import_leaves_nothing_behind(write: Write) -> None:
    """Half a module in `sys.modules` would be found by the next import."""
    write("pack/part.py", "")
    [found] = find_local([write("pack/__init__.py", "from . import part\n1 / 0").parent])

    with pytest.raises(ZeroDivisionError):
        found.load()

    assert not [name for name in sys.modules if name.startswith("trunkline_local.pack")]


@pytest.mark.parametrize("name", ["../x", "Audit", "1st", "a-b", "a" * 65, "x" * 300, "a\x1b[31m"])
def test_p04_an_ill_name_is_refused_unimported(site: Site, name: str) -> None:
    """Names become keys, labels and parts of file names, so their letters are few."""
    found = Found(name, "entry_point", "acme", lambda: pytest.fail("imported"), dist="acme")

    surveyed = survey(config(), found=[found])

    [record] = surveyed.records
    assert (record.state, record.phase, surveyed.active) == (PluginState.FAILED, "find", ())
    assert "is no plugin name" in record.reason
    assert "\x1b" not in record.reason
    assert len(record.reason) < 200


def test_p04_an_ill_named_file_is_the_configurations_fault(write: Write) -> None:
    """A path stands in the file, so it is said where the file is judged."""
    path = write("My-Plugin.py", "")

    [problem] = survey(config(paths=[str(path)])).problems

    assert "My-Plugin.py" in problem.cause


def test_p04_of_two_plugins_of_one_name_neither_loads(site: Site) -> None:
    """The message names both distributions; switching one off by its name settles it."""
    site.install("acme-audit", {"audit": EXPLODES})
    site.install("other-audit", {"audit": EXPLODES})

    reasons = {record.reason for record in survey(config()).records}
    [left] = [
        each for each in survey(config(disable=["Other_Audit"])).active if each.name == "audit"
    ]

    [reason] = reasons
    assert (
        "from acme-audit and other-audit; disable `acme-audit` or disable `other-audit`" in reason
    )
    assert left.dist == "acme-audit"


def test_p04_against_a_built_in_the_built_in_loads(site: Site) -> None:
    """A package cannot take `flow` away by calling itself so."""
    site.install("acme-flow", {"flow": EXPLODES})

    surveyed = survey(config())

    assert [each.dist for each in surveyed.active if each.name == "flow"] == ["trunkline"]
    [refused] = surveyed.records
    assert refused.dist == "acme-flow"
    assert refused.reason.endswith("from acme-flow and trunkline; disable `acme-flow`")
    assert "--disable flow" not in refused.failure  # that would take the built-in away, too


def test_p04_a_file_with_the_name_of_another_plugin_is_told_to_take_another(write: Write) -> None:
    """A file has no distribution that could be disabled."""
    path = write("flow.py", EXPLODES)

    [refused] = survey(config(paths=[str(path)])).records

    assert refused.reason.endswith(f"from {path} and trunkline; rename {path}")


@pytest.mark.parametrize("name", ["audit", "acme-audit", "Acme_Audit", "acme.audit"])
def test_p05_disable_matches_plugin_and_distribution(site: Site, name: str) -> None:
    """By the rules of PEP 503, from the file and from the command line."""
    site.install("acme-audit", {"audit": EXPLODES})

    from_file = by_name(survey(config(disable=[name])))["audit"]
    from_command = by_name(survey(config(), disable=[name]))["audit"]

    assert (from_file.state, from_file.reason) == (PluginState.DISABLED, "by [plugins] disable")
    assert (from_command.state, from_command.reason) == (PluginState.DISABLED, "by --disable")


def test_p05_enable_is_the_whole_list_of_third_party_plugins(site: Site) -> None:
    """Built-ins are not its business; an empty list means none."""
    site.install("acme", {"audit": EXPLODES, "metrics": EXPLODES})

    listed = survey(config(enable=["audit"]))
    none = survey(config(enable=[]))

    assert {each.name for each in listed.active} - {"audit"} == {each.name for each in none.active}
    assert by_name(none)["audit"].reason == "not in [plugins] enable"
    assert by_name(none)["flow"].state is PluginState.WAITING


@pytest.mark.parametrize("key", ["enable", "disable"])
def test_p05_an_unknown_name_in_the_file_is_a_problem(site: Site, key: str) -> None:
    """A typo would leave running what somebody meant to stop; the near match is named."""
    site.install("acme", {"audit": EXPLODES})

    [problem] = survey(config({}, **{key: ["audti"]})).problems

    assert problem.where == f"plugins.{key}[0]"
    assert "did you mean `audit`" in problem.cause


def test_p20_a_problem_of_the_file_has_its_line(tmp_path: Path) -> None:
    """As every other mistake in it has."""
    file = tmp_path / "trunkline.toml"
    file.write_text('[connection]\nurl = "ws://localhost"\n[plugins]\ndisable = ["flwo"]\n')

    [problem] = survey(load_config(file)).problems

    assert str(problem) == (
        "trunkline.toml:4 plugins.disable[0]: no plugin or distribution `flwo`; "
        "did you mean `flow`?"
    )


def test_p05_an_unknown_name_on_the_command_line_is_misuse() -> None:
    """Exit 2 and not 78: another class says so."""
    with pytest.raises(UsageError, match=r"--disable: no plugin or distribution `flwo`.*`flow`"):
        survey(config(), disable=["flwo"])


def test_p06_safe_leaves_the_built_ins(site: Site, write: Write) -> None:
    """Installed and local third parties alike stay unimported, and it is said which."""
    site.install("acme", {"audit": EXPLODES})
    path = write("local.py", EXPLODES)

    surveyed = survey(config(paths=[str(path)], order=["audit.mask", "*"]), safe=True)

    assert {each.name for each in surveyed.active} == {"flow", "approval", "activity", "system"}
    first, second = surveyed.warnings(surveyed.all_records)
    assert "filters and classifiers audit.mask" in first
    assert "audit, local" in second


def test_p03_a_missing_path_is_a_problem(tmp_path: Path) -> None:
    """It is told with the others, instead of a traceback."""
    (tmp_path / "notes.txt").touch()
    paths = [str(tmp_path / "gone"), str(tmp_path / "notes.txt")]

    problems = survey(config(paths=paths)).problems

    assert [problem.where for problem in problems] == ["plugins.paths[0]", "plugins.paths[1]"]


def test_p20_a_path_that_cannot_be_read_is_a_problem() -> None:
    """Of another owner, say: named with its key, and nothing else goes wrong."""
    with TemporaryDirectory() as folder:  # not below what is pytest's own, which is closed, too
        Path(folder).chmod(0o755)
        closed = Path(folder) / "closed"
        closed.mkdir()
        closed.chmod(0)
        was_root = os.geteuid() == 0
        if was_root:
            os.seteuid(65534)
        try:
            surveyed = survey(config(paths=[str(closed), str(closed / "a.py")]))
        finally:
            if was_root:
                os.seteuid(0)
            closed.chmod(0o700)

    assert [str(problem) for problem in surveyed.problems] == [
        f"plugins.paths[0]: {closed} cannot be read: Permission denied",
        f"plugins.paths[1]: {closed / 'a.py'} cannot be read: Permission denied",
    ]
