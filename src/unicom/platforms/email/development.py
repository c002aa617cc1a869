"""Listen beside the development server, where the libraries for it are installed."""

from __future__ import annotations

import logging
from importlib.util import find_spec

logger = logging.getLogger("unicom.email")


def start_in_process() -> None:
    """Take mail in as ``start_imap_listeners`` does, in this process; nothing without the extra ``email``."""
    if find_spec("imapclient") is None:
        logger.info("Mail is not taken in: pip install django-unicom[email]")
        return
    from unicom.platforms.email.listener import start_in_process

    start_in_process()
