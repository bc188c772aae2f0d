"""What never leaves: values under telling keys, and the private parts of URLs; pure (activity A17).

A key is judged once and remembered, for programs use the same few again and again.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

REDACTED = "[redacted]"
#: Keys, in any case, whose values are replaced.
SECRET_KEYS = (
    "*password*", "*passwd*", "*secret*", "*token*", "*api?key*", "*apikey*", "authorization",
    "*cookie*", "*session?id*", "*sessionid*", "*private?key*", "*privatekey*", "*credential*",
    "dsn", "otp", "pin", "ssn", "*iban*", "*card?number*", "*cardnumber*", "cvv",
)  # fmt: skip
_REMEMBERED = 4096  # keys; an application that invents more pays for looking at them again


class Redactor:
    """Judges keys by globs, and cleans what they lead to."""

    def __init__(self, redact: Iterable[str] = (), allow: Iterable[str] = ()) -> None:
        """Redact what matches `redact` or the built-in list, unless it matches `allow`."""
        self._secret = (*SECRET_KEYS, *(glob.lower() for glob in redact))
        self._allowed = tuple(glob.lower() for glob in allow)
        self._judged: dict[str, bool] = {}  # {key: is it secret}

    def mapping(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the metadata or traits without secrets; keys that lead to one stay."""
        judged, clean = self._judged, {}
        for key, value in given.items():
            is_secret = judged.get(key)
            if is_secret is None:
                is_secret = self._judge(key)
            kind = value.__class__
            if is_secret:
                clean[key] = REDACTED
            elif kind is str:
                clean[key] = url_cleaned(value) if "/" in value else value
            elif kind is dict or kind is list:
                clean[key] = self._inner(value)
            else:
                clean[key] = value
        return clean

    def _inner(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self.mapping(value)
        if isinstance(value, list):
            return [self._inner(item) for item in value]
        return url_cleaned(value) if isinstance(value, str) else value

    def _judge(self, key: str) -> bool:
        lower = key.lower()
        is_secret = any(fnmatchcase(lower, glob) for glob in self._secret) and not any(
            fnmatchcase(lower, glob) for glob in self._allowed
        )
        if len(self._judged) >= _REMEMBERED:
            self._judged.clear()
        self._judged[key] = is_secret
        return is_secret


def url_cleaned(value: str) -> str:
    """Return a text in which each URL has lost user info, query and fragment.

    A URL is a word with `://` in it, or one that begins with a slash.
    """
    if "://" not in value and not value.lstrip().startswith("/"):
        return value
    return " ".join(_word_cleaned(word) for word in value.split(" "))


def path_cleaned(value: str) -> str:
    """Return a path or referrer, which is a URL whatever it looks like, cleaned in the same way."""
    return _before_query(url_cleaned(value))


def _word_cleaned(word: str) -> str:
    scheme, sign, rest = word.partition("://")
    if not sign:
        return _before_query(word) if word.startswith("/") else word
    authority, slash, path = _before_query(rest).partition("/")
    if "://" in path:  # several in one word
        path = _word_cleaned(path)
    return scheme + sign + authority.rpartition("@")[2] + slash + path


def _before_query(text: str) -> str:
    return text.partition("?")[0].partition("#")[0]
