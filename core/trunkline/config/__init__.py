"""Configuration: a TOML file, or arguments, to frozen settings.

Everything below reads through `sources` alone and knows neither clock, chance, network nor log.
"""

from trunkline.config.arguments import connection_settings
from trunkline.config.limits import EVERY_TOPIC, HOST_TOPIC, Range, Seconds, is_topic
from trunkline.config.load import Config, config_from_mapping, load_config
from trunkline.config.schema import config_schema
from trunkline.config.secret import FileSecret, Secret, TokenProvider
from trunkline.config.settings import (
    IN_MEMORY,
    ActivitySettings,
    ConnectionSettings,
    FilterSettings,
    HostSettings,
    PluginsSettings,
)
from trunkline.config.shapes import field_docs
from trunkline.config.url import Endpoint, parse_url

__all__ = [
    "EVERY_TOPIC",
    "HOST_TOPIC",
    "IN_MEMORY",
    "ActivitySettings",
    "Config",
    "ConnectionSettings",
    "Endpoint",
    "FileSecret",
    "FilterSettings",
    "HostSettings",
    "PluginsSettings",
    "Range",
    "Seconds",
    "Secret",
    "TokenProvider",
    "config_from_mapping",
    "config_schema",
    "connection_settings",
    "field_docs",
    "is_topic",
    "load_config",
    "parse_url",
]
