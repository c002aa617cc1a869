"""Check the project's settings and say how to mend what is wrong."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections
from django.utils import timezone
from django.utils.module_loading import import_string

from unicom.conf import EXECUTORS, settings
from unicom.errors import ConfigurationError, UnicomError


@register("unicom")
def check_settings(**_: Any) -> list[CheckMessage]:
    """Check what needs no database."""
    found: list[CheckMessage] = []
    try:
        settings.UNICOM_EXECUTOR  # noqa: B018  reading it checks it
    except ConfigurationError as error:
        found.append(Error(str(error), hint=f"Set it to one of {', '.join(EXECUTORS)}.", id="unicom.E001"))
    try:
        settings.UNICOM_VISITOR_LIMITS  # noqa: B018  reading it checks it
    except ConfigurationError as error:
        found.append(Error(str(error), hint='As in {"messages": (60, 60)}: 60 in 60 seconds.', id="unicom.E006"))
    if settings.DJANGO_PUBLIC_ORIGIN and not settings.DJANGO_PUBLIC_ORIGIN.startswith(("https://", "http://")):
        found.append(
            Error(
                f"DJANGO_PUBLIC_ORIGIN: {settings.DJANGO_PUBLIC_ORIGIN!r} does not begin with https://.",
                hint='Set it to where the site is reached, as in "https://example.com".',
                id="unicom.E002",
            )
        )
    found += _check_engine() + _check_platforms()
    root, base = settings.media_root, settings.base_dir
    if base and (not root or Path(root).resolve() == Path(base).resolve()):
        found.append(
            Warning(
                "MEDIA_ROOT is the project's own folder, so serving MEDIA_URL would serve its source and settings.",
                hint='Set MEDIA_ROOT = BASE_DIR / "media".',
                id="unicom.W001",
            )
        )
    return found


def _check_engine() -> list[CheckMessage]:
    """Check that the engine UNICOM_EXECUTOR names is there."""
    try:
        if settings.UNICOM_EXECUTOR == "celery":
            import unicom.executors.celery  # noqa: F401  to see that it can be
        elif settings.UNICOM_EXECUTOR == "tasks":
            from unicom.executors import background

            if background.runs_inline():
                return [
                    Warning(
                        "UNICOM_EXECUTOR is 'tasks', and the default backend of TASKS runs nothing in the background.",
                        hint="Name a backend that does in TASKS, or use another executor.",
                        id="unicom.W005",
                    )
                ]
    except ConfigurationError:
        return []  # E001 says so
    except ImportError as error:
        hint = "Install it: pip install django-unicom[celery], or [tasks] before Django 6."
        return [
            Error(f"UNICOM_EXECUTOR: {settings.UNICOM_EXECUTOR!r} cannot be used: {error}", hint=hint, id="unicom.E005")
        ]
    return []


def _check_platforms() -> list[CheckMessage]:
    from unicom.platforms.base import Adapter

    found: list[CheckMessage] = []
    try:
        platforms = settings.UNICOM_PLATFORMS
    except (TypeError, ValueError):
        return [Error("UNICOM_PLATFORMS: a dict of name → dotted path is needed.", id="unicom.E003")]
    for name, path in sorted(platforms.items()):
        if not path:
            continue
        try:
            adapter = import_string(path)
        except ImportError as error:
            found.append(Error(f"UNICOM_PLATFORMS[{name!r}]: {error}", hint="Mend the path.", id="unicom.E003"))
            continue
        if not (isinstance(adapter, type) and issubclass(adapter, Adapter)):
            found.append(
                Error(
                    f"UNICOM_PLATFORMS[{name!r}]: {path!r} is not an Adapter.",
                    hint="Name a subclass of unicom.platforms.base.Adapter.",
                    id="unicom.E003",
                )
            )
    return found


@register(Tags.database, "unicom")
def check_database(databases: Any = None, **_: Any) -> list[CheckMessage]:
    """Check SQLite's modes, that secrets can be read, and that somebody does what is due."""
    found: list[CheckMessage] = []
    for alias in databases or []:
        connection = connections[alias]
        if connection.vendor != "sqlite":
            continue
        options = connection.settings_dict.get("OPTIONS", {})
        if str(options.get("transaction_mode", "")).upper() != "IMMEDIATE":
            found.append(
                Warning(
                    f"Database {alias!r}: SQLite without immediate transactions fails under concurrent writers.",
                    hint='Add "transaction_mode": "IMMEDIATE" to its OPTIONS.',
                    id="unicom.W002",
                )
            )
        if "wal" not in str(options.get("init_command", "")).lower() and not _in_memory(connection):
            found.append(
                Warning(
                    f"Database {alias!r}: SQLite without WAL lets readers and writers wait for each other.",
                    hint='Add "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" to its OPTIONS.',
                    id="unicom.W003",
                )
            )
    if "default" in (databases or []):
        found += _check_secrets() + _check_due() + _check_drafts()
    return found


def _in_memory(connection: Any) -> bool:
    return bool(connection.is_in_memory_db())


def _has_tables() -> bool:
    from unicom.models import Job

    return Job._meta.db_table in connections["default"].introspection.table_names()


def _check_secrets() -> list[CheckMessage]:
    from unicom.models import Channel

    if not _has_tables():
        return []
    for pk in Channel.objects.values_list("pk", flat=True).order_by("pk"):
        try:
            Channel.objects.get(pk=pk)
        except UnicomError as error:
            return [Error(f"Channel {pk}: {error}", id="unicom.E004")]
    return []


def _check_drafts() -> list[CheckMessage]:
    from unicom.models import DraftMessage
    from unicom.scheduling import due

    if DraftMessage._meta.db_table not in connections["default"].introspection.table_names():
        return []
    first = due(timezone.now() - timedelta(minutes=5)).values_list("send_at", flat=True).first()
    if first is None:
        return []
    minutes = int((timezone.now() - first).total_seconds() // 60)
    return [
        Warning(
            f"Approved drafts have been due for {minutes} minutes, and nobody sends them.",
            hint="Run `manage.py send_scheduled_messages` beside the site, or with --run-once from cron.",
            id="unicom.W010",
        )
    ]


def _check_due() -> list[CheckMessage]:
    from unicom.workers import oldest_due, workers_alive

    if not _has_tables():
        return []
    waiting = oldest_due()
    if waiting is None or waiting.total_seconds() < 300 or workers_alive():
        return []
    return [
        Warning(
            f"Work has been due for {int(waiting.total_seconds() // 60)} minutes and no worker is alive.",
            hint="Run `manage.py unicom_worker` beside the site.",
            id="unicom.W004",
        )
    ]
