"""Loads plugins: find, import, audit, configure, register, compile (P8).

Each plugin passes each phase alone; a broken one is recorded, named and skipped, and the rest
load. Everything here is synchronous and only declares: `check` does exactly this, and `run`
goes on from it.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import attrs

from trunkline.config import Config
from trunkline.errors import ConfigError, Problem
from trunkline.plugin.audit import audit
from trunkline.plugin.compatible import incompatibilities
from trunkline.plugin.compiling import conflicts, route_table, table_warnings
from trunkline.plugin.discover import OUR_DISTRIBUTION, Found
from trunkline.plugin.draft import Draft, log_failure
from trunkline.plugin.hooks import Hooks
from trunkline.plugin.loaded import Loaded, Plugin
from trunkline.plugin.order import Needs, load_order
from trunkline.plugin.states import PluginState
from trunkline.plugin.survey import Survey, survey
from trunkline.routing.table import FilterRule, TopicRule

logger = logging.getLogger(__name__)

SLOW_IMPORT = 2.0  # s; in that time a whole host is to be connected

#: {register hook: its argument beside `config`}, in the order they are called
_REGISTER = {
    f"trunkline_register_{kind}": kind
    for kind in ("topics", "classifiers", "filters", "sinks", "subscriptions")
}


def load(
    config: Config,
    *,
    safe: bool = False,
    disable: Collection[str] = (),
    found: Sequence[Found] | None = None,
    filters: Iterable[FilterRule] = (),
    fallbacks: Iterable[TopicRule] = (),
    clock: Callable[[], float] = time.perf_counter,
) -> Loaded:
    """Load every plugin that is not switched off, and compile the route table.

    `safe` and `disable` are the command line's; `found` replaces what is installed and in
    `[plugins] paths`. `filters` come before the plugins'; `fallbacks` are asked after them.
    `clock` measures imports, in seconds.

    Raises:
        UsageError: `disable` names what is not there.
    """
    surveyed = survey(config, safe=safe, disable=disable, found=found)
    loading = Loading(config, surveyed, clock)
    return loading.run(tuple(filters), tuple(fallbacks))


class Loading:
    """One walk through the phases."""

    def __init__(self, config: Config, surveyed: Survey, clock: Callable[[], float]) -> None:
        self._config = config
        self._clock = clock
        self._survey = surveyed
        self._drafts = [Draft(each) for each in surveyed.active]
        self._hooks = Hooks()
        self._version = version(OUR_DISTRIBUTION)
        self._problems: list[Problem] = [*surveyed.problems]
        self._warnings: list[str] = []
        self._settings: dict[str, type[Any] | None] = {}  # {plugin: class of its table}

    def run(self, filters: tuple[FilterRule, ...], fallbacks: tuple[TopicRule, ...]) -> Loaded:
        """Walk all plugins through all phases, phase by phase."""
        for record in self._survey.records:
            if record.state is PluginState.FAILED:
                log_failure(record)
        for draft in self._drafts:
            self._import(draft)
        for draft in self._alive():
            self._audit(draft)
        self._sort()
        for draft in self._with_requirements():
            self._configure(draft)
        for draft in self._with_requirements():
            self._register(draft)
        self._settle_conflicts()
        alive = self._with_requirements()
        order = self._config.plugins.order
        table = route_table(alive, order=order, leading_filters=filters, fallbacks=fallbacks)
        for draft in alive:
            draft.record = attrs.evolve(draft.record, phase="run", reason="to be started")
        records = tuple(draft.record for draft in self._drafts) + self._survey.records
        return Loaded(
            records=records,
            plugins=tuple(self._plugin(draft) for draft in alive),
            table=table,
            problems=tuple(self._problems),
            warnings=(
                *self._survey.warnings(records),
                *self._warnings,
                *table_warnings(table, alive, order),
            ),
            missing=self._survey.missing(records),
            settings=self._settings,
        )

    def _alive(self) -> list[Draft]:
        return [draft for draft in self._drafts if draft.is_alive]

    def _import(self, draft: Draft) -> None:
        """Import a plugin; announced before, because a slow import cannot be cut short."""
        logger.debug("plugin.import", extra={"plugin": draft.name, "source": draft.found.source})
        started = self._clock()
        with draft.in_phase("import"):
            draft.plugin = draft.found.load()
        seconds = self._clock() - started
        draft.record = attrs.evolve(draft.record, import_seconds=seconds)
        if seconds > SLOW_IMPORT:
            self._warnings.append(
                f"plugin {draft.record.title} took {seconds:.1f} s to import;"
                " every start of the host waits for it"
            )

    def _audit(self, draft: Draft) -> None:
        with draft.in_phase("audit"):
            audited = audit(draft.plugin)
            draft.info = audited.info
            unmet = incompatibilities(draft.found.requires_dist, self._version)
            if problems := (*unmet, *audited.problems):
                draft.fail("; ".join(problems))
            else:
                self._settings[draft.name] = draft.info.config
                requires, after = tuple(draft.info.requires), tuple(draft.info.after)
                draft.record = attrs.evolve(draft.record, requires=requires, after=after)

    def _sort(self) -> None:
        """Bring the drafts into load order; those without a place fail, and come last."""
        alive = {draft.name: draft for draft in self._alive()}
        needs = {n: Needs(d.record.requires, d.record.after) for n, d in alive.items()}
        order = load_order(needs)
        for name, reason in order.refused.items():
            alive[name].fail(reason)
        sorted_drafts = [alive[name] for name in order.names]
        failed = [draft for draft in self._drafts if not draft.is_alive]
        self._drafts = sorted_drafts + sorted(failed, key=lambda draft: draft.name)

    def _with_requirements(self) -> list[Draft]:
        """Return what still stands, after failing those whose requirements no longer do."""
        standing: dict[str, Draft] = {}
        for draft in self._alive():  # in load order, so a requirement is judged before
            gone = [name for name in draft.record.requires if name not in standing]
            if gone:
                draft.fail(f"it requires `{gone[0]}`, which is not loaded")
            else:
                standing[draft.name] = draft
        return [*standing.values()]

    def _configure(self, draft: Draft) -> None:
        """Structure a plugin's table; a wrong one is the file's fault, a missing one is not."""
        table = self._config.plugin_table(draft.name)
        with draft.in_phase("configure"):
            try:
                draft.config = self._structured(draft, table)
            except ConfigError as exc:
                if table is not None:
                    self._problems += exc.problems
                draft.fail("; ".join(map(str, exc.problems)))

    def _structured(self, draft: Draft, table: Mapping[str, Any] | None) -> object:
        if draft.info.config is not None:
            return self._config.plugin(draft.name, draft.info.config)
        if table:
            place = ("plugin", draft.name)
            raise ConfigError([self._config.problem(place, "this plugin has no settings")])
        return None

    def _register(self, draft: Draft) -> None:
        with draft.in_phase("register"):
            hooks = self._hooks.register(draft.name, draft.plugin)
            draft.record = attrs.evolve(draft.record, hooks=hooks)
            for hook, kind in _REGISTER.items():
                arguments = {kind: getattr(draft, kind), "config": draft.config}
                self._hooks.call(hook, draft.name, **arguments)

    def _settle_conflicts(self) -> None:
        alive = self._with_requirements()
        for draft in alive:
            draft.record = attrs.evolve(draft.record, phase="compile")
        refused = conflicts(alive)
        for draft in alive:
            if draft.name in refused:
                draft.fail(refused[draft.name])

    def _plugin(self, draft: Draft) -> Plugin:
        return Plugin(
            record=draft.record,
            config=draft.config,
            topics=frozenset(rule.topic for rule in draft.topics.rules),
            subscriptions=tuple(draft.subscriptions.rules),
            sinks=tuple(draft.sinks.rules),
            hooks=self._hooks,
            is_required=self._survey.is_required(draft.found),
        )
