"""What Autobahn's report says, and whether that is good enough (reliability §8)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from trunkline.errors import UserError

INDEX = "index.json"
AGAIN = "run it again with --keep DIR, and see server.log there"
#: A valid message with a fault close behind it, octet by octet: its echo may leave or not, because
#: pump and consumer are separate tasks. Which of these are loose changes from run to run.
MAY_BE_LOOSE = frozenset(
    {"3.2", "3.3", "3.4", "4.1.3", "4.1.4", "4.1.5", "4.2.3", "4.2.4", "4.2.5", "5.15"}
)
GOOD_CLOSES = {"OK", "INFORMATIONAL"}
HARMLESS = ("OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED")  # all else is FAILED


@attrs.frozen
class Figures:
    """The results of one agent."""

    cases: int
    ok: int
    non_strict: list[str]
    informational: int
    unimplemented: int
    failed: list[str]
    bad_closes: list[str]

    @property
    def is_passed(self) -> bool:
        """Nothing failed, and nothing is loose but what is known and explained."""
        return not (self.failed or self.bad_closes or set(self.non_strict) - MAY_BE_LOOSE)


def read(folder: Path, agent: str, count: int) -> Figures:
    """Read an agent's results from a report of `count` cases.

    Raises:
        UserError: the report is not complete.
    """
    path = folder / INDEX
    try:
        results = json.loads(path.read_text()).get(agent, {})
    except (OSError, ValueError) as exc:
        raise UserError(f"{path}: no report of Autobahn's ({exc}); {AGAIN}") from None
    if len(results) != count:
        raise UserError(f"{path}: {len(results)} results of {agent} for {count} cases; {AGAIN}")
    return figures(results)


def figures(results: Mapping[str, Any]) -> Figures:
    """Sort results: {case: {"behavior": verdict, "behaviorClose": verdict}}."""
    ordered = sorted(results, key=lambda case: [int(part) for part in case.split(".")])
    by_verdict = {
        verdict: [case for case in ordered if results[case]["behavior"] == verdict]
        for verdict in HARMLESS
    }
    return Figures(
        cases=len(ordered),
        ok=len(by_verdict["OK"]),
        non_strict=by_verdict["NON-STRICT"],
        informational=len(by_verdict["INFORMATIONAL"]),
        unimplemented=len(by_verdict["UNIMPLEMENTED"]),
        failed=[case for case in ordered if results[case]["behavior"] not in HARMLESS],
        bad_closes=[case for case in ordered if results[case]["behaviorClose"] not in GOOD_CLOSES],
    )


def table(lanes: Mapping[str, Figures]) -> str:
    """Return the figures for people: {lane: figures}, a column each, then the case numbers."""
    columns = [attrs.asdict(lane) for lane in lanes.values()]
    lines = ["".join(["".ljust(16), *(f"lane {name}".rjust(10) for name in lanes)])]
    for field in attrs.fields(Figures):
        cells = (_number(column[field.name]) for column in columns)
        lines.append(
            "".join([_label(field.name).ljust(16), *(str(cell).rjust(10) for cell in cells)])
        )
    for name, lane in lanes.items():
        lines += [
            f"{_label(key)}, lane {name}: {' '.join(value)}"
            for key, value in attrs.asdict(lane).items()
            if isinstance(value, list) and value
        ]
    return "\n".join(lines)


def _number(value: int | list[str]) -> int:
    return len(value) if isinstance(value, list) else value


def _label(name: str) -> str:
    """Return a field's name as Autobahn writes its verdicts."""
    if name in {"cases", "bad_closes"}:
        return name.replace("_", " ")
    return name.replace("_", "-").upper()
