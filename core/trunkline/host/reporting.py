"""The status of a running host as plain data: one shape for the control door and for programs."""

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import attrs

from trunkline.connection.connection import Connection

if TYPE_CHECKING:
    from trunkline.host.host import Host


def host_status(host: "Host", pid: int, started_at: float) -> Mapping[str, Any]:
    """Return everything an operator asks for; no event's content, no secret."""
    routed = host.router.statistics()
    notes = {runner.record.name: runner.note for runner in host.runners}
    return {
        "version": version("trunkline"),
        "pid": pid,
        "started_at": datetime.fromtimestamp(started_at, UTC).isoformat(),
        "config": str(host.config.path) if host.config.path else None,
        "connection": connection_status(host.connection),
        "plugins": [
            {
                "name": record.name,
                "origin": record.origin,
                "version": record.version,
                "state": record.state.value,
                "phase": record.phase,
                "reason": record.reason,
                "retry_at": record.retry_at.isoformat() if record.retry_at else None,
                "note": notes.get(record.name, ""),
                "handler_errors": routed.handler_errors.get(record.name, 0),
            }
            for record in host.records
        ],
        "routing": {
            "routed": dict(routed.routed),
            "dropped": [
                {"where": where, "reason": reason, "count": count}
                for (where, reason), count in routed.dropped.items()
            ],
            "gaps": [
                {"topic": topic, "cause": cause, "count": count}
                for (topic, cause), count in routed.gaps.items()
            ],
            "unclassified": dict(routed.unclassified),
            "subscriptions": routed.subscription_count,
            "waiting": routed.waiting_count,
            "handler_seconds": dict(routed.handler_seconds),
        },
        "activity": attrs.asdict(host.activity.statistics()),
    }


def connection_status(connection: Connection) -> dict[str, Any]:
    """Return a connection's state and figures."""
    status = attrs.asdict(connection.status)
    return {**status, "state": connection.state.value, **attrs.asdict(connection.statistics())}
