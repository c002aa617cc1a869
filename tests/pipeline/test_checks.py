"""System checks say what is wrong with a project's settings, and how to mend it; each has an id."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import connections
from django.utils import timezone

from unicom.models import Channel, Delivery, WorkerHeartbeat

pytestmark = pytest.mark.django_db


def found(*, database: bool = False) -> dict[str, Any]:
    """Return our checks' messages by id."""
    messages = run_checks(databases=["default"] if database else None)
    return {str(message.id): message for message in messages if str(message.id).startswith("unicom.")}


def test_a_sound_project_hears_nothing():
    """The tests' own settings are sound, on both databases."""
    assert found(database=True) == {}


def test_e001_an_unknown_executor_is_named_with_those_there_are(settings):
    """``UNICOM_EXECUTOR``."""
    settings.UNICOM_EXECUTOR = "magic"
    message = found()["unicom.E001"]
    assert "'magic'" in message.msg and "worker" in message.hint


def test_e002_an_origin_without_a_scheme_is_named(settings):
    """``DJANGO_PUBLIC_ORIGIN``."""
    settings.DJANGO_PUBLIC_ORIGIN = "example.com"
    assert "'example.com'" in found()["unicom.E002"].msg
    settings.DJANGO_PUBLIC_ORIGIN = "https://example.com/"
    assert found() == {}


@pytest.mark.parametrize(
    "platforms", [{"X": "no.such.Adapter"}, {"X": "unicom.models.Channel"}, {"X": "unicom"}, "text", 5, [1]]
)
def test_e003_a_platform_that_is_none_is_named(settings, platforms):
    """``UNICOM_PLATFORMS``."""
    settings.UNICOM_PLATFORMS = platforms
    assert "UNICOM_PLATFORMS" in found()["unicom.E003"].msg


def test_a_platform_can_be_taken_out_with_none(settings):
    """That is no mistake."""
    settings.UNICOM_PLATFORMS = {"Internal": None}
    assert found() == {}


def test_e004_secrets_that_no_key_opens_are_named(settings, channel):
    """By the channel, with the key's id."""
    settings.SECRET_KEY = "another-key-for-this-test-of-sufficient-length-for-all-checks"
    message = found(database=True)["unicom.E004"]
    assert f"Channel {channel.pk}" in message.msg


def test_w001_a_media_root_that_is_the_project_is_named(settings, tmp_path):
    """The documentation's own snippet, which would serve the settings."""
    settings.BASE_DIR = tmp_path
    for root in (str(tmp_path) + "/", ""):
        settings.MEDIA_ROOT = root
        assert "media" in found()["unicom.W001"].hint
    settings.MEDIA_ROOT = tmp_path / "media"
    assert found() == {}


def test_w002_and_w003_sqlite_without_its_modes_is_named(monkeypatch):
    """Immediate transactions and WAL."""
    if connections["default"].vendor != "sqlite":
        assert not {"unicom.W002", "unicom.W003"} & set(found(database=True))
        return
    monkeypatch.setitem(connections["default"].settings_dict, "OPTIONS", {})
    messages = found(database=True)
    assert "IMMEDIATE" in messages["unicom.W002"].hint
    if "memory" not in str(connections["default"].settings_dict["NAME"]):
        assert "WAL" in messages["unicom.W003"].hint


def test_w004_work_that_waits_with_no_worker_alive_is_named(channel, chat):
    """Due for more than five minutes."""
    chat.send_message({"text": "x"})
    Delivery.objects.update(next_attempt_at=timezone.now() - timedelta(minutes=4))
    assert found(database=True) == {}
    Delivery.objects.update(next_attempt_at=timezone.now() - timedelta(minutes=6))
    assert "unicom_worker" in found(database=True)["unicom.W004"].hint
    WorkerHeartbeat.objects.create(id="alive", host="here", pid=1)
    assert found(database=True) == {}


def test_a_channel_of_a_platform_that_is_gone_breaks_no_check(db):
    """It can be put back."""
    Channel.objects.create(name="Old", platform="Pager")
    assert found(database=True) == {}
