"""What never leaves: values under telling keys, and the private parts of URLs; pure (activity A17).

A key is judged once and remembered, for programs use the same few again and again.
"""

import re
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
_WORDS = re.compile(r"(\s+)")
_OPENING = "\"'`([{<"  # what may stand before a URL in a text
_PARTS = re.compile("[/?#]")
_QUERY = re.compile("[?#]")
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
    if "/" not in value:
        return value
    return "".join(_word_cleaned(word) if "/" in word else word for word in _WORDS.split(value))


def path_cleaned(value: str) -> str:
    """Return a path or referrer, which is a URL whatever it looks like, cleaned in the same way."""
    return _before_query(url_cleaned(value))


def _word_cleaned(word: str) -> str:
    """Clean a word, which may hold several URLs; what follows a query belongs to it."""
    bare = word.lstrip(_OPENING)
    opening = word[: len(word) - len(bare)]
    scheme = ":" if bare.startswith("//") else ""  # that of the page
    head, *rests = f"{scheme}{bare}".split("://")
    if head.startswith("/") and (path := _before_query(head)) != head:
        return opening + path
    kept = [head]
    for rest in rests:
        clean, has_query = _rest_cleaned(rest)
        kept.append(clean)
        if has_query:
            break
    return opening + "://".join(kept)[len(scheme) :]


def _rest_cleaned(rest: str) -> tuple[str, bool]:
    """Return what may stay of a URL behind its `://`, and whether it had a query or fragment.

    A password may hold `/`, `?` and `#` as they are, so it is looked for as far as an `@` can be
    meant to end it.
    """
    authority = _PARTS.split(rest, maxsplit=1)[0]
    _, colon, password = authority.partition(":")
    is_host = not password or password.isdecimal() or authority.startswith("[")
    has_user = "@" in authority or not is_host
    at = rest.find("@") if has_user else -1  # the query begins behind it
    query = _QUERY.search(rest, max(at, 0))
    kept = rest if query is None else rest[: query.start()]
    before, sign, after = kept.rpartition("@")
    if not sign or not (has_user or colon):  # a path such as `/react@18` has no password
        return kept, query is not None
    if _QUERY.search(before):  # or it was a query with an `@` in it
        after = after.partition("&")[0]
    return after, query is not None


def _before_query(text: str) -> str:
    return text.partition("?")[0].partition("#")[0]
