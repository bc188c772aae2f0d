"""The hooks of the plugin `flow`."""

from trunkline import PluginContext, hookimpl
from trunkline.plugin_api import Classifiers, Topics
from trunkline_plugins.flow.store import TOPIC, ExecutionStore
from trunkline_plugins.flow.types import FLOW_EVENTS
from trunkline_plugins.status_line import keep_noting


@hookimpl
def trunkline_register_topics(topics: Topics) -> None:
    """Own `flow_executions`."""
    topics.add(TOPIC)


@hookimpl
def trunkline_register_classifiers(classifiers: Classifiers) -> None:
    """Place every type of an execution's events, those eight too that the console misses (C10)."""
    classifiers.add("types", lambda kind: TOPIC if kind in FLOW_EVENTS else None)


@hookimpl
async def trunkline_run(ctx: PluginContext[None]) -> None:
    """Keep the table, for the line in `trunkline status`."""
    store = ExecutionStore()
    store.follow(ctx)
    ctx.started()
    await keep_noting(ctx, store.summary)
