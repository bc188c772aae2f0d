"""Owns two topics: one for messages of the server, one that the plugin itself publishes on."""

from trunkline import hookimpl
from trunkline.plugin_api import Topics


@hookimpl
def trunkline_register_topics(topics: Topics) -> None:
    """Without `match` a topic has only what is published on it, or names it."""
    topics.add("deployments", match={"type": {"prefix": "deployment_"}})
    topics.add("deployment_reports")
