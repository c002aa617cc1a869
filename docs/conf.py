"""Build the documentation: ``python -m sphinx -W docs docs/_build``, with sphinx, myst-parser and furo installed."""

from __future__ import annotations

from importlib import metadata

project = "Django Unicom"
author = "Django Unicom developers"
try:
    release = version = metadata.version("django-unicom")
except metadata.PackageNotFoundError:
    release = version = "unreleased"

extensions = ["myst_parser"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = project
