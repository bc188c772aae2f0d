"""Loading: each plugin passes each phase alone; what is required must be there."""

import logging
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import requires
from pathlib import Path
from textwrap import dedent

import pytest
from plugin_files import FAILURES, TABLE, Folder, Site, config, records

import trunkline
from trunkline.errors import RequiredPluginMissing
from trunkline.plugin.manager import load
from trunkline.plugin.states import PluginState
from trunkline.routing.table import TopicRule


def test_p01_pluggy_registers_and_one_function_of_ours_calls() -> None:
    """Its own call would give all plugins the same arguments and let one end the others' turn."""
    core = Path(trunkline.__file__).parent
    sources = {path.name: path.read_text() for path in core.rglob("*.py")}
    users = {
        name
        for name, text in sources.items()
        if re.search(r"^\s*(import|from) pluggy", text, re.MULTILINE)
    }

    assert users == {"hooks.py", "hookspecs.py"}
    assert not re.search(r"\.(hook|subset_hook_caller)\b", sources["hooks.py"])
    assert "pluggy<2,>=1.7" in (requires("trunkline") or ())


def test_p01_each_plugin_has_arguments_of_its_own(folder: Folder) -> None:
    """The registrar knows for whom it registers, and `config` is nobody else's."""
    for name in ("one", "two"):
        folder.add(
            name,
            TABLE + "@hookimpl\ndef trunkline_register_filters(filters, config):\n"
            "    filters.add(config.file, lambda event: event)\n",
        )

    loaded = folder.load(config({"one": {"file": "a"}, "two": {"file": "b"}}))

    assert [rule.name for rule in loaded.table.filters] == ["one.a", "two.b"]


@pytest.mark.parametrize("name", sorted(FAILURES))
def test_p08_a_broken_plugin_is_recorded_and_the_others_load(
    folder: Folder, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends as `failed` with phase, reason and place, and one line says so, once."""
    source, phase, reason, place = FAILURES[name]
    folder.add("bad", source)
    folder.topic("good", "things")

    loaded = folder.load()

    bad = records(loaded)["bad"]
    assert (bad.state, bad.phase, bad.location) == (PluginState.FAILED, phase, place)
    assert reason in bad.reason
    assert [plugin.name for plugin in loaded.plugins] == ["good"]
    assert [rule.topic for rule in loaded.table.topics] == ["things"]
    assert [record.message for record in caplog.records] == ["plugin.failed"]
    loaded.require()


def test_p08_the_line_names_distribution_place_and_whom_to_tell(site: Site) -> None:
    """The whole line, from a distribution that is really installed."""
    site.install(
        "trunkline-acme",
        {"audit": "import attrs\nimport not_there"},
        urls=["Bug Tracker, https://acme.example/bugs"],
    )

    [bad] = [each for each in load(config(enable=["audit"])).records if each.name == "audit"]

    assert bad.failure == (
        "plugin audit 2.1.0 (trunkline-acme; trunkline_acme_plugin0.py:2) failed to import: "
        "ModuleNotFoundError: No module named 'not_there'; skipped. Off: --disable audit. "
        "Report: https://acme.example/bugs"
    )


def test_p08_an_import_is_announced_before_it_begins(
    folder: Folder, caplog: pytest.LogCaptureFixture
) -> None:
    """A slow one cannot be cut short, so the last line of the log must name it."""
    folder.add("slow", "import logging\nlogging.getLogger('slow').debug('importing')")

    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "trunkline"):
        folder.load()

    assert [record.message for record in caplog.records][:2] == ["plugin.import", "importing"]


def test_p09_a_slow_import_is_measured_and_named(folder: Folder) -> None:
    """The record has the time of each; a warning names the one that makes every start wait."""
    folder.topic("quick", "a")
    folder.topic("slow", "b")
    ticks = iter([0.0, 0.25, 10.0, 13.5])

    loaded = folder.load(clock=lambda: next(ticks))

    assert {n: each.import_seconds for n, each in records(loaded).items()} == {
        "quick": 0.25,
        "slow": 3.5,
    }
    [warning] = loaded.warnings
    assert warning.startswith("plugin slow (")
    assert "took 3.5 s to import; every start of the host waits for it" in warning


def test_p05_a_disabled_plugin_is_never_imported(tmp_path: Path, site: Site) -> None:
    """By distribution, by plugin, by `enable`, by `--safe`: the module is absent from a process of
    its own, and what its import writes is not there."""
    mark = tmp_path / "imported"
    site.install("acme-plugins", {"audit": f"open({str(mark)!r}, 'w').close()"})
    script = """
        import sys
        sys.path.insert(0, sys.argv[1])
        from trunkline.config import config_from_mapping
        from trunkline.plugin.manager import load
        for plugins, switches in (
            ({"disable": ["Acme_Plugins"]}, {}),
            ({"disable": ["audit"]}, {}),
            ({"enable": []}, {}),
            ({}, {"disable": ["acme.plugins"]}),
            ({}, {"disable": ["audit"]}),
            ({}, {"safe": True}),
        ):
            settings = {"connection": {"url": "ws://localhost"}, "plugins": plugins}
            loaded = load(config_from_mapping(settings), **switches)
            assert "acme_plugins_plugin0" not in sys.modules
            print({record.name: record.state.value for record in loaded.records}["audit"])
    """

    result = subprocess.run(
        [sys.executable, "-c", dedent(script), str(site.folder)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )

    assert result.stdout.split() == ["disabled"] * 6
    assert not mark.exists()
    load(config(enable=["acme-plugins"]))
    assert mark.exists()


def test_p03_the_target_may_be_an_instance(site: Site) -> None:
    """`module:attribute` points at an object whose methods are the hooks."""
    source = """
        from trunkline import hookimpl

        class Audit:
            @hookimpl
            def trunkline_register_topics(self, topics):
                topics.add("audit")

        plugin = Audit()
    """
    site.install("acme", {"audit": source}, target="acme_plugin0:plugin")

    loaded = load(config(enable=["audit"]))

    assert records(loaded)["audit"].hooks == ("trunkline_register_topics",)
    assert TopicRule("audit", "audit", None) in loaded.table.topics


@pytest.mark.parametrize(
    ("requirement", "state"),
    [
        ("trunkline>=99", "failed"),
        ("trunkline<0.1", "failed"),
        ("Trunkline>=0.0.1,<99", "waiting"),
        ("trunkline", "waiting"),
        ("trunkline>=99; python_version < '3'", "waiting"),
        ("trunkline-other>=99", "waiting"),
    ],
)
def test_p11_the_version_asked_for_is_checked_at_load(
    site: Site, topic_plugin: Callable[[str], str], requirement: str, state: str
) -> None:
    """An editable or `--no-deps` install escapes pip, and does not escape this."""
    site.install("acme", {"audit": topic_plugin("audit")}, requires=["attrs", requirement])

    record = records(load(config(enable=["audit"])))["audit"]

    assert record.state.value == state
    assert (
        not record.reason.startswith("it needs") or requirement.partition(">")[0] in record.reason
    )


def test_p10_a_required_plugin_that_is_broken_ends_it(folder: Folder) -> None:
    """With the line that says why, and near matches for one that is not there."""
    folder.add("audit", "import not_there")

    loaded = folder.load(config(require=["audit", "adit"]))

    with pytest.raises(RequiredPluginMissing) as caught:
        loaded.require()
    broken, absent = str(caught.value).splitlines()
    assert "plugin audit" in broken
    assert "not_there" in broken
    assert absent == "required plugin `adit` is not there; did you mean `audit`?"


def test_p10_a_required_plugin_that_is_disabled_ends_it(folder: Folder) -> None:
    """Two sentences of the file contradict each other; the stricter one holds."""
    folder.topic("audit", "things")

    with pytest.raises(RequiredPluginMissing, match=r"disabled: by .plugins. disable"):
        folder.load(config(require=["audit"], disable=["audit"])).require()


def test_p06_safe_lifts_require_for_third_parties(folder: Folder) -> None:
    """Otherwise the mode that must always start would not."""
    folder.topic("audit", "things")

    folder.load(config(require=["audit"]), safe=True).require()


def test_p10_a_required_plugin_is_marked(folder: Folder) -> None:
    """Whoever runs it knows that its failure ends the host."""
    folder.topic("audit", "a")
    folder.topic("other", "b")

    loaded = folder.load(config(require=["audit"]))

    assert {each.name: each.is_required for each in loaded.plugins} == {
        "audit": True,
        "other": False,
    }


def test_p08_a_twin_is_logged_too(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """What is refused by its name alone is no quieter than what fails to import."""
    site.install("acme-audit", {"audit": ""})
    site.install("other-audit", {"audit": ""})

    load(config(enable=["audit"]))

    names = [vars(record)["plugin"] for record in caplog.records if record.levelname == "WARNING"]
    assert names == ["audit", "audit"]


def test_p06_the_built_ins_load(caplog: pytest.LogCaptureFixture) -> None:
    """All four, by their entry points, without a word."""
    loaded = load(config(), safe=True)

    assert {plugin.name for plugin in loaded.plugins} >= {"flow", "approval", "activity", "system"}
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
