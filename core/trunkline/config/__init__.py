"""Configuration: a TOML file, or arguments, to frozen settings."""

from trunkline.config.arguments import connection_settings
from trunkline.config.fields import config_converter
from trunkline.config.load import Config, config_from_mapping, load_config
from trunkline.config.rules import is_topic
from trunkline.config.secret import Range, Seconds, Secret, TokenProvider
from trunkline.config.settings import (
    ActivitySettings,
    ConnectionSettings,
    FilterSettings,
    HostSettings,
    PluginsSettings,
)
from trunkline.config.url import Endpoint, parse_url

__all__ = [
    "ActivitySettings",
    "Config",
    "ConnectionSettings",
    "Endpoint",
    "FilterSettings",
    "HostSettings",
    "PluginsSettings",
    "Range",
    "Seconds",
    "Secret",
    "TokenProvider",
    "config_converter",
    "config_from_mapping",
    "connection_settings",
    "is_topic",
    "load_config",
    "parse_url",
]
