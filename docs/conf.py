"""Sphinx: MyST for Markdown, Furo for the looks."""

project = "Trunkline"
author = "The Trunkline authors"
copyright = "2026, the Trunkline authors"  # noqa: A001 - Sphinx's own name for it
extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "_generated", "examples"]  # fragments are included by pages
smartquotes = False  # `--url` in a sentence stays two hyphens
html_theme = "furo"
html_title = "Trunkline"
