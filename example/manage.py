#!/usr/bin/env python
"""Run Django's commands for the example project; ``python example/manage.py demo`` starts everything."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> None:
    """Find the project from wherever this is called, and run the command."""
    here = str(Path(__file__).resolve().parent)
    # The project is the package `example`; its own folder on the path would let `settings` mean two things.
    sys.path[:] = [str(Path(here).parent), *(entry for entry in sys.path if entry != here)]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit("Django is not installed here. Run `make demo` in the folder above: it installs what is needed.")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
