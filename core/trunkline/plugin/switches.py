"""Pure: which of the plugins that were found may be imported (P4, P5, P6).

Decided from names alone. A name that nothing answers to is an error and never ignored: a typo
would leave running what somebody meant to stop.
"""

from collections.abc import Collection, Iterable, Sequence

import attrs

from trunkline.config import PluginsSettings
from trunkline.plugin.discover import Found, is_plugin_name
from trunkline.plugin.record import PluginRecord
from trunkline.plugin.states import PluginState
from trunkline.plugin.suggest import did_you_mean

SHOWN_NAME_LENGTH = 80  # characters of a refused name; it comes from outside


@attrs.frozen
class Selection:
    """What may be imported, and a record of each that may not."""

    active: tuple[Found, ...]
    records: tuple[PluginRecord, ...]


def select(
    found: Sequence[Found], settings: PluginsSettings, *, safe: bool, disable: Collection[str]
) -> Selection:
    """Sort out what is switched off, ill-named, or there twice.

    `disable` is what the command line says; `safe` leaves the built-ins alone.
    """
    records = []
    candidates = []
    for each in found:
        if reason := _disabled(each, settings, safe=safe, disable=disable):
            records.append(_record(each, PluginState.DISABLED, reason))
        elif not is_plugin_name(each.name):
            records.append(_record(each, PluginState.FAILED, _ill_named(each.name)))
        else:
            candidates.append(each)
    active = []
    for each in candidates:
        rivals = [other for other in candidates if other.name == each.name and other is not each]
        if rivals and each.origin != "builtin":
            records.append(_record(each, PluginState.FAILED, _twice(each, rivals)))
        else:
            active.append(each)
    return Selection(tuple(active), tuple(records))


def unknown_names(names: Iterable[str], found: Sequence[Found]) -> list[str]:
    """Return what to say about each of `names` that no plugin and no distribution has."""
    known = {name for each in found for name in each.names}
    return [
        f"no plugin or distribution `{name}`{did_you_mean(name, known)}"
        for name in names
        if not any(each.answers_to(name) for each in found)
    ]


def _disabled(
    found: Found, settings: PluginsSettings, *, safe: bool, disable: Collection[str]
) -> str:
    """Return why it is switched off, or nothing."""
    if any(found.answers_to(name) for name in disable):
        return "by --disable"
    if any(found.answers_to(name) for name in settings.disable):
        return "by [plugins] disable"
    if found.origin == "builtin":
        return ""
    if safe:
        return "by --safe"
    if settings.enable is not None and not any(found.answers_to(n) for n in settings.enable):
        return "not in [plugins] enable"
    return ""


def _ill_named(name: str) -> str:
    shown = ascii(name[:SHOWN_NAME_LENGTH])
    return f"{shown} is no plugin name: a-z, then up to 63 of a-z, 0-9 and _"


def _twice(found: Found, rivals: Iterable[Found]) -> str:
    both = sorted([found, *rivals], key=lambda each: each.origin_name)
    origins = dict.fromkeys(each.origin_name for each in both)
    ways_out = dict.fromkeys(_way_out(each) for each in both if each.origin != "builtin")
    return f"there are two plugins `{found.name}`, from {' and '.join(origins)}; {' or '.join(ways_out)}"


def _way_out(found: Found) -> str:
    """Say what leaves the name to the others; the name itself would switch off all of them."""
    return f"rename {found.source}" if found.dist is None else f"disable `{found.dist}`"


def _record(found: Found, state: PluginState, reason: str) -> PluginRecord:
    return attrs.evolve(record_of(found), state=state, reason=reason)


def record_of(found: Found) -> PluginRecord:
    """Return the first record of a plugin that was found."""
    return PluginRecord(
        name=found.name,
        origin=found.origin,
        source=found.source,
        dist=found.dist,
        version=found.version,
        issues_url=found.issues_url,
    )
