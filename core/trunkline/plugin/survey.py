"""Looks at what is there, and what the switches make of it, without importing a plugin (P7).

`trunkline plugins` shows this; loading starts from it.
"""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import attrs

from trunkline.config import Config
from trunkline.errors import Problem, UsageError
from trunkline.plugin.discover import Found, find_installed, find_local, is_plugin_name
from trunkline.plugin.record import PluginRecord
from trunkline.plugin.states import PluginState
from trunkline.plugin.suggest import did_you_mean
from trunkline.plugin.switches import record_of, select, unknown_names


@attrs.frozen
class Survey:
    """What was found, before any of it is imported."""

    config: Config
    is_safe: bool
    found: tuple[Found, ...]
    active: tuple[Found, ...]
    """What may be imported, sorted by name."""
    records: tuple[PluginRecord, ...]
    """Of all the others: disabled, or refused by name; sorted by name."""
    problems: tuple[Problem, ...]

    @property
    def all_records(self) -> tuple[PluginRecord, ...]:
        """A record of each plugin, as far as metadata goes."""
        records = (*(record_of(each) for each in self.active), *self.records)
        return tuple(sorted(records, key=lambda record: record.name))

    def is_required(self, found: Found) -> bool:
        """Tell whether `[plugins] require` names the plugin or its distribution."""
        return any(found.answers_to(name) for name in self._required())

    def missing(self, records: Iterable[PluginRecord]) -> tuple[str, ...]:
        """Return what to say of each required name behind which nothing was loaded (P10)."""
        records = tuple(records)
        said = [line for name in self._required() for line in self._unmet(name, records)]
        return tuple(dict.fromkeys(said))

    def _unmet(self, name: str, records: Collection[PluginRecord]) -> Iterable[str]:
        """Yield why a required name is not met: each plugin it means must load, from one source."""
        matching = [each for each in self.found if each.answers_to(name)]
        if not matching:
            known = [known for each in self.found for known in each.names]
            yield f"required plugin `{name}` is not there{did_you_mean(name, known)}"
        for plugin in dict.fromkeys(each.name for each in matching):
            sources = {each.source for each in matching if each.name == plugin}
            own = [each for each in records if each.name == plugin and each.source in sources]
            if not any(each.state is PluginState.WAITING for each in own):
                yield from map(_why, own)

    def warnings(self, records: Iterable[PluginRecord]) -> tuple[str, ...]:
        """Return what is left out, and which tables nobody can judge (P6, P22)."""
        records = tuple(records)
        loaded = {record.name for record in records if record.state is PluginState.WAITING}
        known = [each.name for each in self.found]
        unjudged = [
            f"[plugin.{name}] is not checked: the plugin is not loaded"
            + ("" if name in known else did_you_mean(name, known))
            for name in self.config.plugin_names()
            if name not in loaded
        ]
        return (*self._left_out(records), *unjudged)

    def _left_out(self, records: Iterable[PluginRecord]) -> Iterable[str]:
        """Say what `--safe` leaves out; filters that the file names come first."""
        if not self.is_safe:
            return
        names = sorted(record.name for record in records if record.reason == "by --safe")
        rules = [rule for rule in self.config.plugins.order if rule.partition(".")[0] in names]
        if rules:
            yield f"--safe leaves out the filters and classifiers {', '.join(rules)}"
        if names:
            yield f"--safe leaves out the plugins {', '.join(names)}"

    def _required(self) -> tuple[str, ...]:
        """Return the names that must load; `--safe` lifts this for third-party plugins."""
        required = self.config.plugins.require
        if not self.is_safe:
            return required
        builtins = [each for each in self.found if each.origin == "builtin"]
        return tuple(n for n in required if any(each.answers_to(n) for each in builtins))


def survey(
    config: Config,
    *,
    safe: bool = False,
    disable: Collection[str] = (),
    found: Sequence[Found] | None = None,
) -> Survey:
    """Find what is installed and in `[plugins] paths`, and apply the switches.

    Raises:
        UsageError: `disable`, which is the command line's, names what is not there.
    """
    settings = config.plugins
    problems: list[Problem] = []
    if found is None:
        found = (*find_installed(), *_found_at_paths(config, problems))
    if misspelt := unknown_names(disable, found):
        raise UsageError("--disable: " + "; ".join(misspelt))
    for key, names in (("enable", settings.enable or ()), ("disable", settings.disable)):
        for number, name in enumerate(names):
            unknown = unknown_names([name], found)
            problems += [config.problem(("plugins", key, number), text) for text in unknown]
    selection = select(found, settings, safe=safe, disable=disable)
    return Survey(
        config,
        safe,
        tuple(found),
        tuple(sorted(selection.active, key=lambda each: each.name)),
        tuple(sorted(selection.records, key=lambda record: record.name)),
        tuple(problems),
    )


def _found_at_paths(config: Config, problems: list[Problem]) -> tuple[Found, ...]:
    """Return the plugins at `[plugins] paths`; add what is wrong with a path or a name there."""
    local: dict[str, Found] = {}  # by source: two paths may lead to one file
    for number, path in enumerate(config.plugins.paths):
        try:
            if not path.exists():
                cause = f"there is no file or directory {path}"
            elif not _may_hold_plugins(path):
                cause = f"{path} is neither a .py file nor a directory"
            else:
                local |= {each.source: each for each in find_local([path])}
                continue
        except OSError as exc:
            cause = f"{path} cannot be read: {exc.strerror}"
        problems.append(config.problem(("plugins", "paths", number), cause))
    for each in local.values():
        if not is_plugin_name(each.name):
            cause = f"{each.source} has no name for a plugin; rename it, or put a _ in front"
            problems.append(config.problem(("plugins", "paths"), cause))
    return tuple(local.values())


def _may_hold_plugins(path: Path) -> bool:
    return path.is_dir() or (path.is_file() and path.suffix == ".py")


def _why(record: PluginRecord) -> str:
    if record.state is PluginState.DISABLED:
        return f"required plugin `{record.name}` is disabled: {record.reason}"
    return f"required: {record.failure}"
