"""Proxies named in the environment are not used: who names one is told, once (reliability T16)."""

import os
from collections.abc import Mapping

NAMES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "WSS_PROXY", "WS_PROXY")


def ignored_proxies(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the variables that name a proxy; never their values, which may hold a password."""
    named = {name.upper() for name, value in environ.items() if value}
    return tuple(name for name in NAMES if name in named)


def proxy_warning(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return what to tell whoever set one; nothing if nobody did."""
    names = ignored_proxies(environ)
    if not names:
        return ()
    return (f"{', '.join(names)}: a proxy is named and not used; the connection is made directly",)
