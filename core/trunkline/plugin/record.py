"""What is known of one plugin, and the line that tells a person of its failure.

A record is never changed, only replaced: whoever holds one holds what was true then.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import attrs

from trunkline.plugin.states import Phase, PluginState, check

LOCAL_PACKAGE = "trunkline_local"  # files are imported into it, so that they shadow nothing (P4)

Origin = Literal["builtin", "entry_point", "path"]

#: {phase: what went wrong, as it stands in the line}
_FAILURES: Mapping[Phase, str] = {
    "find": "is refused",
    "import": "failed to import",
    "audit": "failed its audit",
    "configure": "failed to configure",
    "register": "failed to register",
    "compile": "cannot be routed",
    "run": "has failed",
}


@attrs.frozen
class PluginRecord:
    """One plugin: where it comes from, how far it came, and why no further."""

    name: str
    origin: Origin
    source: str
    """What it is loaded from: `module` or `module:attribute`, or a file."""
    dist: str | None = None
    """The distribution that brings it; None for a local file."""
    version: str | None = None
    state: PluginState = PluginState.WAITING
    phase: Phase = "find"
    """The phase it is in, or failed in."""
    reason: str = ""
    location: str = ""
    """`file:line` of its code that failed, where that is known."""
    retry_at: datetime | None = None
    """When the next attempt begins (aware UTC), where one is planned."""
    hooks: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    import_seconds: float | None = None
    issues_url: str | None = None
    """Where its authors want to hear of failures."""

    def moved(
        self,
        state: PluginState,
        *,
        phase: Phase | None = None,
        reason: str = "",
        location: str = "",
        retry_at: datetime | None = None,
    ) -> "PluginRecord":
        """Return the record in `state`, or in the same state with another reason.

        Raises:
            StateError: the table of states does not list the change.
        """
        if state is not self.state:
            check(self.state, state)
        return attrs.evolve(
            self,
            state=state,
            phase=phase or self.phase,
            reason=reason,
            location=location,
            retry_at=retry_at,
        )

    def change_from(self, old: "PluginRecord") -> dict[str, Any]:
        """Return the data of the event `plugin.state` that announces this record (P10)."""
        return {
            "plugin": self.name,
            "old": old.state.value,
            "new": self.state.value,
            "phase": self.phase,
            "reason": self.reason,
            "retry_at": None if self.retry_at is None else self.retry_at.isoformat(),
        }

    @property
    def package(self) -> str:
        """What the names of its modules begin with; each built-in is a package of its own."""
        if self.origin == "path":
            return f"{LOCAL_PACKAGE}.{self.name}"
        module = self.source.partition(":")[0]
        return module if self.origin == "builtin" else module.partition(".")[0]

    @property
    def title(self) -> str:
        """Name, version and origin: `audit 2.1.0 (trunkline-acme; acme_audit.py:41)`."""
        known = self.location or ("" if self.dist else self.source)
        origin = "; ".join(part for part in (self.dist, known) if part)
        return " ".join(part for part in (self.name, self.version, f"({origin})") if part)

    @property
    def failure(self) -> str:
        """The one line about a plugin that was skipped or has failed (P8)."""
        ending = "stopped" if self.phase == "run" else "skipped"
        line = f"plugin {self.title} {_FAILURES[self.phase]}: {self.reason}; {ending}."
        if self.phase != "find":  # where a name is refused, another plugin may have it
            line += f" Off: --disable {self.name}."
        return f"{line} Report: {self.issues_url}" if self.issues_url else line
