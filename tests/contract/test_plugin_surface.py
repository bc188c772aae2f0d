"""Who has written a plugin keeps it: hooks, registrars and `ctx` only gain (P28)."""

from pathlib import Path

import pytest
from plugin_surface import breaks, surface

STORED = Path(__file__).with_name("plugin_surface.txt")
OLD = "(topic, callback, where=None, *, buffer=256)"


def stored() -> dict[str, str]:
    """Return the surface as it was last looked at."""
    lines = STORED.read_text().splitlines()
    return {name: signature for name, _, signature in (line.partition(" ") for line in lines)}


def test_p28_nothing_that_plugins_use_is_gone_or_moved() -> None:
    """Against what is stored; a removal warns for two minor releases first."""
    now = surface()
    found = [text for name, old in stored().items() for text in breaks(name, old, now.get(name))]
    assert not found


def test_p28_what_is_new_is_stored() -> None:
    """So that it is kept from now on; `plugin_surface.py` writes the file."""
    assert surface() == stored()


@pytest.mark.parametrize(
    "new",
    [OLD, "(topic, callback, where=None, more=1, *, buffer=256)", f"{OLD[:-1]}, more=None)"],
)
def test_p28_an_argument_with_a_default_may_come(new: str) -> None:
    """At the end of its kind."""
    assert not [*breaks("ctx.subscribe", OLD, new)]


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (None, "is gone"),
        (f"async {OLD}", "was `"),
        ("property", "is `property`"),
        ("(topic, where=None, *, buffer=256)", "has lost `callback`"),
        ("(callback, topic, where=None, *, buffer=256)", "`topic` has moved"),
        ("(topic, more, callback, where=None, *, buffer=256)", "`callback` has moved"),
        ("(topic, callback, *, where=None, buffer=256)", "`where` has moved"),
        ("(topic, callback, where=None, *, buffer=512)", "`buffer` has another default"),
        ("(topic, callback, where=None, *, buffer=256, more)", "is new and has no default"),
    ],
)
def test_p28_what_breaks_a_plugin_is_found(new: str | None, words: str) -> None:
    """Each kind of it."""
    assert any(words in text for text in breaks("ctx.subscribe", OLD, new))


def test_p28_a_hook_gains_arguments_freely() -> None:
    """An implementation names only those it uses; one that is gone breaks it all the same."""
    assert not [*breaks("trunkline_run", "async (ctx)", "async (ctx, host)")]
    assert [*breaks("trunkline_run", "async (ctx)", "async (host)")]
