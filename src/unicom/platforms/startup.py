"""Let the built-in platforms take part in the start of the site; each names a function of its own folder."""

from __future__ import annotations

from django.utils.module_loading import import_string

# Connect receivers; called once every model is loaded.
READY = (
    "unicom.platforms.webchat.guests.connect",
    "unicom.platforms.webchat.pushing.connect",
    "unicom.platforms.email.seen_marks.connect",
    "unicom.platforms.email.system_mail.connect",
)
# Run beside the development server, which no platform can reach from outside.
DEVELOPMENT = (
    "unicom.platforms.telegram.polling.start_in_process",
    "unicom.platforms.email.development.start_in_process",
)


def connect() -> None:
    """Connect the platforms' receivers."""
    for path in READY:
        import_string(path)()


def start_development() -> None:
    """Start what the platforms want beside a development server."""
    for path in DEVELOPMENT:
        import_string(path)()
