"""Whether a distribution admits this version of Trunkline.

pip checks it at installation; an editable install and `--no-deps` do not (P11).
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from trunkline.plugin.discover import OUR_DISTRIBUTION

if TYPE_CHECKING:
    from packaging.requirements import Requirement


def incompatibilities(requires_dist: Iterable[str], version: str) -> list[str]:
    """Return what to say about each requirement on trunkline that `version` does not meet."""
    return [
        f"it needs `{requirement}`, and this is trunkline {version}; update one of the two"
        for requirement in _ours(requires_dist)
        if not requirement.specifier.contains(version, prereleases=True)
    ]


def _ours(requires_dist: Iterable[str]) -> Iterable["Requirement"]:
    candidates = [text for text in requires_dist if _begins_with_our_name(text)]
    if not candidates:
        return
    from packaging.requirements import (  # 40 ms that only those pay who need us by version
        InvalidRequirement,
        Requirement,
    )

    for text in candidates:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue  # not ours to judge; pip has accepted it
        is_ours = canonicalize_name(requirement.name) == OUR_DISTRIBUTION
        if is_ours and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            yield requirement


def _begins_with_our_name(text: str) -> bool:
    return canonicalize_name(text.strip()[: len(OUR_DISTRIBUTION)]) == OUR_DISTRIBUTION
