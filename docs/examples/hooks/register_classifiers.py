"""Tells topics by a rule: by the type where that is enough, by the whole message where it is not."""

from collections.abc import Mapping
from typing import Any

from trunkline import hookimpl
from trunkline.plugin_api import Classifiers, Topics


@hookimpl
def trunkline_register_topics(topics: Topics) -> None:
    """Own what the classifiers name."""
    for name in ("deployments", "incidents"):
        topics.add(name)


@hookimpl
def trunkline_register_classifiers(classifiers: Classifiers) -> None:
    """Ask `by_type` once for each type, `by_severity` for every message."""
    classifiers.add("by_type", by_type)
    classifiers.add("by_severity", by_severity, whole=True)


def by_type(kind: str) -> str | None:
    """Return the topic of a type, or None: ask the next."""
    return "deployments" if kind.startswith(("deploy_", "rollback_")) else None


def by_severity(message: Mapping[str, Any]) -> str | None:
    """Return the topic of a message."""
    payload = message.get("payload")
    severity = payload.get("severity") if isinstance(payload, dict) else None
    return "incidents" if severity in {"high", "critical"} else None
