"""What the guards have done, so that nothing is done twice, not even by the next process."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from trunkline_plugins.flow.settings import GuardRule

REMEMBERED = 10_000  # far more than the table has executions

#: The outcome of a stop that has certainly not left: whoever comes next may send it.
UNSENT = "not sent: the host has ended before there was a link"

#: Rule, its action, whether it is a dry run, execution: a rule that gets sharper acts anew.
Act = tuple[str, str, bool, str]
T = TypeVar("T")


class Acts:
    """The last actions, a bounded number of them."""

    def __init__(self) -> None:
        self._begun: dict[Act, None] = {}  # in this attempt, the oldest first
        self._done: dict[Act, None] = {}  # before it
        self._stopped: dict[str, None] = {}  # executions

    def begin(self, rule: GuardRule, execution_id: str) -> bool:
        """Note an action; tell whether it is the first of its kind in this attempt."""
        return _is_new(self._begun, _act(rule, execution_id))

    def was_done(self, rule: GuardRule, execution_id: str) -> bool:
        """Tell whether an action was done before this attempt."""
        return _act(rule, execution_id) in self._done

    def is_first_stop(self, execution_id: str) -> bool:
        """Note that an execution is stopped; tell whether it was not before."""
        return _is_new(self._stopped, execution_id)

    def recall(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Take in what the audit file tells, the oldest first."""
        for line in lines:
            rule, action, id_ = (line.get(key) for key in ("rule", "action", "execution_id"))
            if not (isinstance(rule, str) and isinstance(action, str) and isinstance(id_, str)):
                continue  # an approval's, or a person's
            act = (rule, action, bool(line.get("dry_run")), id_)
            is_stop = action == "stop" and not act[2]
            if line.get("outcome") == UNSENT:
                self._done.pop(act, None)
                self._stopped.pop(id_, None)
                continue
            _is_new(self._done, act)
            if is_stop:
                _is_new(self._stopped, id_)


def _act(rule: GuardRule, execution_id: str) -> Act:
    return rule.name, rule.action, rule.dry_run, execution_id


def _is_new(memory: dict[T, None], key: T) -> bool:
    """Remember `key`, and forget the oldest where they are too many; tell whether it is new."""
    is_new = key not in memory
    memory[key] = None
    if len(memory) > REMEMBERED:
        del memory[next(iter(memory))]
    return is_new
