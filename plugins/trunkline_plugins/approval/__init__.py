"""Built-in plugin `approval`: requests for a person's approval, as classes and as a table.

In a program of one's own the table stands alone:

    store = ApprovalStore()
    store.follow(connection)
    ...
    for approval in store.pending(): ...
"""

from trunkline_plugins.approval.config import ApprovalConfig, RuleSettings
from trunkline_plugins.approval.plugin import (
    trunkline_backfill,
    trunkline_plugin,
    trunkline_register_topics,
    trunkline_run,
)
from trunkline_plugins.approval.store import Approval, ApprovalStore
from trunkline_plugins.approval.table import COLUMNS, rows
from trunkline_plugins.approval.types import (
    APPROVAL_EVENTS,
    ApprovalApproved,
    ApprovalCancelled,
    ApprovalCreated,
    ApprovalDeclined,
    ApprovalEscalated,
    ApprovalEvent,
    ApprovalExpired,
    ApprovalVoteReceived,
)

__all__ = [
    "APPROVAL_EVENTS",
    "COLUMNS",
    "Approval",
    "ApprovalApproved",
    "ApprovalCancelled",
    "ApprovalConfig",
    "ApprovalCreated",
    "ApprovalDeclined",
    "ApprovalEscalated",
    "ApprovalEvent",
    "ApprovalExpired",
    "ApprovalStore",
    "ApprovalVoteReceived",
    "RuleSettings",
    "rows",
    "trunkline_backfill",
    "trunkline_plugin",
    "trunkline_register_topics",
    "trunkline_run",
]
