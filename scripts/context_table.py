"""Write the table of what templates may use into docs/templates.md, from the code."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "templates.md"
TABLE = re.compile(r"(?<=<!-- context, from the code -->\n\n).*?(?=\n\n<!-- end -->)", re.DOTALL)


def written() -> str:
    """Return the page as it should be."""
    from unicom.templating import context_table

    return TABLE.sub(lambda _: context_table(), PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    PAGE.write_text(written(), encoding="utf-8")
