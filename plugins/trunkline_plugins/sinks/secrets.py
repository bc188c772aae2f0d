"""A setting that may be a secret: text in the file, or kept elsewhere."""

from trunkline.plugin_api import Secret


def revealed(value: str | Secret) -> str:
    """Return it as text."""
    return value.reveal() if isinstance(value, Secret) else value
