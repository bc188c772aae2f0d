"""The snippets of README and the pages, by where they stand."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def snippets(language: str) -> dict[str, str]:
    """Return `{page: heading: code}` of a language; a second one under a heading is numbered."""
    found: dict[str, str] = {}
    for page in PAGES:
        heading = ""
        for match in re.finditer(
            rf"^#+ (?P<heading>[^\n]+)$|^```{language}\n(?P<code>.*?)^```$",
            page.read_text(),
            re.MULTILINE | re.DOTALL,
        ):
            if match["heading"]:
                heading = match["heading"]
                continue
            name = f"{page.name}: {heading}"
            found[name if name not in found else f"{name} {len(found)}"] = match["code"]
    return found
