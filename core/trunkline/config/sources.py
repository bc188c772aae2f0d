"""The one place of the configuration that reads anything: files, and secrets from their sources.

No text here ever repeats what a secret holds.
"""

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import attrs

from trunkline.config.secret import FileSecret, Secret
from trunkline.strict import Expected

SECRET_LIMIT = 64 * 1024  # bytes of a secret's file
OTHERS_MAY_READ = 0o044
WANTED = '{ env = "NAME" } or { file = "path" }'


@attrs.frozen
class Content:
    """What a file holds, and who may read it."""

    raw: bytes
    mode: int


def read_file(path: Path, limit: int) -> Content:
    """Return what a file holds.

    Raises:
        Expected: it cannot be read, or is larger than `limit` bytes; the text says which.
    """
    try:
        with path.open("rb") as file:
            content = Content(file.read(limit + 1), os.fstat(file.fileno()).st_mode)
    except OSError as exc:
        raise Expected(f"cannot be read: {exc.strerror}") from None
    except ValueError:
        raise Expected("cannot be read: no file has such a name") from None
    if len(content.raw) > limit:
        raise Expected(f"is larger than {limit} bytes")
    return content


class Secrets:
    """Reads secrets from an environment and from files, and notes what deserves a warning."""

    def __init__(self, base: Path, environ: Mapping[str, str]) -> None:
        self._base = base
        self._environ = environ
        self._warnings: dict[str, None] = {}  # in order, each once

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was noted so far."""
        return tuple(self._warnings)

    def read(self, value: object) -> Secret:
        """Return the secret that `{ env = "NAME" }` or `{ file = "path" }` stands for.

        Raises:
            Expected: it is no such table, or what it names holds no secret.
        """
        if not isinstance(value, Mapping):
            raise Expected(f"expected {WANTED}; a secret is never written into the file")
        match list(value.items()):
            case [("env", str(name))] if name:
                return self._variable(name)
            case [("file", str(name))] if name:
                read = partial(self._file, name)
                return FileSecret(read(), read)
        raise Expected(f"expected {WANTED}")

    def _variable(self, name: str) -> Secret:
        if not name.isidentifier():  # somebody has put the secret itself here
            raise Expected("`env` takes the name of an environment variable")
        text = self._environ.get(name, "")
        if not text.strip():
            raise Expected(f"the environment variable {name} is not set, or empty")
        return Secret(one_line(text, f"the environment variable {name}"))

    def _file(self, name: str) -> str:
        path = self._base / name
        try:
            content = read_file(path, SECRET_LIMIT)
            text = content.raw.decode()
        except UnicodeDecodeError:
            raise Expected(f"the file {name} holds no text") from None
        except Expected as exc:
            raise Expected(f"the file {name} {exc}") from None
        if content.mode & OTHERS_MAY_READ:
            self._warnings[f"the secret in {path} can be read by others; chmod 600 it"] = None
        return one_line(text, f"the file {name}")


def one_line(text: str, source: str) -> str:
    """Return the secret that a text is, without the whitespace around it.

    Raises:
        Expected: nothing is left, or it holds control characters or more than one line.
    """
    text = text.strip()
    if not text:
        raise Expected(f"{source} is empty")
    if not text.isprintable():
        raise Expected(f"{source} holds more than one line, or control characters")
    return text
