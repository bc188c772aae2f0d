"""The figures of a running host for Prometheus.

Names of metrics are constant. A label is one of a closed set, or the name of a plugin, a sink or
a registered topic: what a server invents never becomes one (reliability S11).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from trunkline.config import EVERY_TOPIC, HOST_TOPIC
from trunkline.connection.states import ConnectionState
from trunkline.plugin.states import PluginState

if TYPE_CHECKING:
    from trunkline.activity.delivery import SinkStatistics
    from trunkline.host.host import Host

OTHER = "(other)"  # topics that no plugin registered, together
PREFIX = "trunkline_"


def render(host: "Host") -> bytes:
    """Return the page."""
    registry = CollectorRegistry()
    registry.register(_Collector(host))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Collector(Collector):
    """Makes the families anew for each question."""

    def __init__(self, host: "Host") -> None:
        self._host = host

    def collect(self) -> Iterator[Metric]:
        yield from _connection(self._host)
        yield from _routing(self._host)
        yield from _plugins(self._host)
        yield from _activity(self._host)


def _connection(host: "Host") -> Iterator[Metric]:
    state, figures = host.connection.state, host.connection.statistics()
    states = {each.value: float(each is state) for each in ConnectionState}
    yield _gauge("connection_state", "1 for the present `state`, else 0", states, "state")
    yield _counter("connects", "times it became connected", {"": figures.connect_count})
    yield _counter(
        "disconnects", "losses and failed attempts, by `cause`", figures.disconnects, "cause"
    )
    directions = {"in": figures.received_count, "out": figures.sent_count}
    yield _counter("messages", "messages, by `direction`: in, out", directions, "direction")
    for name, text, value in (
        (
            "heartbeat_rtt_seconds",
            "seconds from the last ping to its answer",
            figures.heartbeat_rtt,
        ),
        (
            "last_event_age_seconds",
            "seconds since an event came; pongs are none",
            figures.last_event_age,
        ),
    ):
        yield _gauge(name, text, {} if value is None else {"": value})
    used = {"": figures.mailbox_used}
    yield _gauge("mailbox_used", "the fullest mailbox, as a share of its bound", used)


def _routing(host: "Host") -> Iterator[Metric]:
    known = {topic.topic for topic in host.loaded.table.topics} | {HOST_TOPIC, EVERY_TOPIC}
    routed, figures = host.router.statistics(), host.connection.statistics()
    events: Counter[str] = Counter()
    for topic, count in routed.routed.items():
        events[topic if topic in known else OTHER] += count
    yield _counter(
        "events", "events handed to dispatch, by `topic`; `(other)`: of no plugin", events, "topic"
    )
    dropped: Counter[tuple[str, str]] = Counter(routed.dropped)
    dropped.update({("connection", reason): n for reason, n in figures.dropped.items()})
    for where, reasons in host.activity.statistics().dropped.items():
        dropped.update({(where, reason): n for reason, n in reasons.items()})
    yield _counter(
        "dropped", "what went no further, by `where` and `reason`", dropped, "where", "reason"
    )
    gaps: Counter[tuple[str, str]] = Counter()
    for (topic, cause), count in routed.gaps.items():
        gaps[topic if topic in known else OTHER, cause] += count
    yield _counter(
        "gaps",
        "places where events may be missing, by `topic` (`*`: all) and `cause`",
        gaps,
        "topic",
        "cause",
    )
    unknown = {"": sum(routed.unclassified.values())}
    yield _counter("unclassified", "messages whose topic nobody knew", unknown)
    yield _gauge("subscriptions", "subscriptions that are open", {"": routed.subscription_count})


def _plugins(host: "Host") -> Iterator[Metric]:
    routed = host.router.statistics()
    names = [record.name for record in host.records]
    states = {
        (record.name, state.value): float(record.state is state)
        for record in host.records
        for state in PluginState
    }
    yield _gauge(
        "plugin_state", "1 for the present `state` of a `plugin`, else 0", states, "plugin", "state"
    )
    errors = {name: routed.handler_errors.get(name, 0) for name in names}
    yield _counter("handler_errors", "failures of handlers, by `plugin`", errors, "plugin")
    seconds = {name: routed.handler_seconds.get(name, 0.0) for name in names}
    yield _counter(
        "handler_seconds", "seconds spent in synchronous handlers, by `plugin`", seconds, "plugin"
    )


def _activity(host: "Host") -> Iterator[Metric]:
    figures = host.activity.statistics()
    yield _counter("activity", "activity that was recorded", {"": figures.recorded_count})
    yield _counter(
        "activity_refused", "calls that recorded nothing, by `reason`", figures.refused, "reason"
    )
    yield _gauge("outbox_events", "events in the outbox", {"": figures.outbox_count})
    yield _gauge("inbox_events", "activity that is not stored yet", {"": figures.inbox_count})
    degraded = {"": float(figures.degraded is not None)}
    yield _gauge("outbox_degraded", "1 while nothing can be stored", degraded)
    waiting = {sink.name: sink.waiting_count for sink in figures.sinks}
    yield _gauge("sink_lag", "events that a `sink` has still to take", waiting, "sink")
    letters = {sink.name: sink.letter_count for sink in figures.sinks}
    yield _gauge("dead_letters", "dead letters of a `sink` in the outbox", letters, "sink")
    results: dict[tuple[str, ...], int] = {}
    for sink in figures.sinks:
        results |= {(sink.name, result): count for result, count in _results(sink).items()}
    yield _counter(
        "deliveries",
        "what became of events, by `sink` and `result`: delivered, dead, evicted, forgotten",
        results,
        "sink",
        "result",
    )


def _results(sink: "SinkStatistics") -> Mapping[str, int]:
    return {
        "delivered": sink.delivered_count,
        "dead": sink.dead_count,
        "evicted": sum(sink.dropped.values()),
        "forgotten": sink.forgotten_count,
    }


#: {label value or values: figure}; without labels the one key is empty
Samples = Mapping[Any, float]


def _gauge(name: str, text: str, samples: Samples, *labels: str) -> Metric:
    family = GaugeMetricFamily(PREFIX + name, text, labels=labels)
    for key, value in samples.items():
        family.add_metric(_values(key, labels), value)
    return family


def _counter(name: str, text: str, samples: Samples, *labels: str) -> Metric:
    family = CounterMetricFamily(PREFIX + name, text, labels=labels)
    for key, value in samples.items():
        family.add_metric(_values(key, labels), value)
    return family


def _values(key: Any, labels: tuple[str, ...]) -> tuple[str, ...]:
    if not labels:
        return ()
    return (key,) if isinstance(key, str) else key
