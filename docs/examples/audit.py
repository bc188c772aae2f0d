"""Prints what the server writes to its audit log."""
from trunkline import hookimpl

@hookimpl
def trunkline_register_topics(topics):
    topics.add("audit", match={"type": "audit_event"})

@hookimpl
def trunkline_register_subscriptions(subscriptions):
    subscriptions.add("audit", lambda event: print(event.received_at, dict(event.data)))
