"""How many examples a property is tried with: few each time, many when asked for.

    pytest --hypothesis-profile thorough --timeout 3600

tries each property fifty times as often. What it finds becomes an `@example`, or a row of the
corpus.
"""

from hypothesis import settings

NORMAL = 40

settings.register_profile("normal", max_examples=NORMAL, deadline=None)
settings.register_profile("thorough", max_examples=50 * NORMAL, deadline=None)
settings.load_profile("normal")


def examples(count: int) -> int:
    """Return `count`, or fifty times as many under the profile `thorough`."""
    return count * settings().max_examples // NORMAL
