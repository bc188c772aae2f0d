"""Settings that are checked already but have no effect yet: whoever sets one is told."""

from collections.abc import Iterator, Mapping

import attrs

from trunkline.config import Config

#: {setting: what is the case instead}
NOT_YET: Mapping[tuple[str, str], str] = {
    ("activity", "path"): "what is recorded waits in memory, and ends with the process",
    ("activity", "consent"): "nobody is asked",
    ("activity", "before_send"): "records are sent as they are",
    ("activity", "redact"): "nothing is redacted",
    ("activity", "allow"): "nothing is redacted",
}


def ineffective(config: Config) -> Iterator[str]:
    """Yield a warning for each of them that is set."""
    for (table, key), instead in NOT_YET.items():
        settings = getattr(config, table)
        if getattr(settings, key) != attrs.fields_dict(type(settings))[key].default:
            yield f"{table}.{key} has no effect in this version: {instead}"
