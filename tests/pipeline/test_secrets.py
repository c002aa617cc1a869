"""Secrets are encrypted at rest, can be read with the right keys only, and leak nowhere."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core import serializers
from django.core.exceptions import FieldError
from django.core.management import CommandError, call_command
from django.db import connection

from unicom import crypto
from unicom.adapters import StoredState
from unicom.errors import ConfigurationError, EncryptionKeyError
from unicom.models import Channel, ChannelState

pytestmark = pytest.mark.django_db

TOKEN = "hunter2-very-secret"


@pytest.fixture
def secretive(channel: Channel) -> Channel:
    """Return a channel with a secret in its config and one in its state."""
    channel.config = {"SECRET": TOKEN}
    channel.save()
    StoredState(channel).set("cursor", {"token": TOKEN})
    return channel


def stored() -> str:
    """Return every column of every channel and state, as the database holds them."""
    with connection.cursor() as cursor:
        found = []
        for table in ("unicom_channel", "unicom_channelstate"):
            cursor.execute(f"SELECT * FROM {table}")  # noqa: S608  one of the two above
            found += cursor.fetchall()
    return repr(found)


def test_config_and_state_are_never_in_clear_in_the_database(secretive):
    """Looked at with plain SQL."""
    assert TOKEN not in stored() and "SECRET" not in stored() and "unicom1:" in stored()
    fresh = Channel.objects.get(pk=secretive.pk)
    assert fresh.config == {"SECRET": TOKEN}
    assert StoredState(fresh).get("cursor") == {"token": TOKEN}


def test_two_encryptions_of_one_value_differ_and_cannot_be_searched(secretive):
    """Equal secrets do not show as equal; a filter on them is refused instead of finding nothing."""
    assert crypto.encrypt("x") != crypto.encrypt("x")
    for lookup in ("config", "config__contains", "config__icontains", "config__startswith", "config__SECRET"):
        with pytest.raises(FieldError):
            Channel.objects.filter(**{lookup: TOKEN}).exists()


def test_dumpdata_does_not_leak_and_loaddata_reads_it_back(secretive):
    """A fixture holds the ciphertext."""
    out = StringIO()
    call_command("dumpdata", "unicom.Channel", "unicom.ChannelState", stdout=out)
    assert TOKEN not in out.getvalue()
    config = json.loads(out.getvalue())[0]["fields"]["config"]
    assert config.startswith("unicom1:")
    Channel.objects.all().delete()
    for item in serializers.deserialize("json", out.getvalue()):
        item.save()
    assert Channel.objects.get().config == {"SECRET": TOKEN}
    assert StoredState(Channel.objects.get()).get("cursor") == {"token": TOKEN}


def test_reprs_and_errors_hold_no_secret(secretive, settings):
    """Neither of the channel, nor of its adapter, nor of a key that is missing."""
    from unicom.adapters import adapter_for

    adapter = adapter_for(secretive)
    assert TOKEN not in repr(secretive) + str(secretive) + repr(adapter)
    settings.SECRET_KEY = "another-key-for-this-test-of-sufficient-length-for-all-checks"
    with pytest.raises(EncryptionKeyError) as caught:
        Channel.objects.get(pk=secretive.pk)
    assert TOKEN not in str(caught.value) and settings.SECRET_KEY not in str(caught.value)


def test_without_keys_of_its_own_the_key_is_derived_from_the_secret_key(secretive, settings):
    """And from its fallbacks: rotating SECRET_KEY loses nothing."""
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-for-this-test-of-sufficient-length-for-all-checks"
    assert Channel.objects.get().config == {"SECRET": TOKEN}
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(EncryptionKeyError):
        Channel.objects.get()


def test_a_wrong_key_is_loud_and_names_the_key_id(secretive, settings):
    """So that an operator knows which key to put back."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT config FROM unicom_channel")
        key_id = cursor.fetchone()[0].split(":")[1]
    settings.UNICOM_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(EncryptionKeyError) as caught:
        Channel.objects.get()
    assert key_id in str(caught.value) and "UNICOM_ENCRYPTION_KEYS" in str(caught.value)
    assert isinstance(caught.value, ConfigurationError)


@pytest.mark.parametrize("value", ["", "plain text", "unicom1:", "unicom1:abc", "{}", "unicom2:a:b"])
def test_a_value_that_is_not_ours_is_loud(value):
    """It is never taken for an empty config."""
    with pytest.raises(EncryptionKeyError):
        crypto.decrypt(value)


def test_a_damaged_value_is_loud(secretive):
    """One flipped character is noticed."""
    value = crypto.encrypt("x")
    with pytest.raises(EncryptionKeyError, match="damaged"):
        crypto.decrypt(value[:-10] + ("A" if value[-10] != "A" else "B") + value[-9:])


def test_rotating_writes_every_secret_with_the_new_key(secretive, settings):
    """Then the old key can go."""
    new, old = Fernet.generate_key().decode(), settings.SECRET_KEY
    settings.UNICOM_ENCRYPTION_KEYS = [new, old]
    out = StringIO()
    call_command("unicom_rotate_keys", stdout=out)
    assert out.getvalue().startswith("2 secrets were written")
    out = StringIO()
    call_command("unicom_rotate_keys", stdout=out)
    assert out.getvalue().startswith("0 secrets were written"), "safe to repeat"
    settings.UNICOM_ENCRYPTION_KEYS = [new]
    assert Channel.objects.get().config == {"SECRET": TOKEN}
    assert StoredState(Channel.objects.get()).get("cursor") == {"token": TOKEN}
    assert ChannelState.objects.get().version == 1, "rotating is not a change of the value"


def test_rotating_without_the_old_key_is_an_error_that_names_the_row(secretive, settings):
    """Nothing is overwritten."""
    before = stored()
    settings.UNICOM_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(CommandError, match=f"channel {secretive.pk}"):
        call_command("unicom_rotate_keys", stdout=StringIO())
    assert stored() == before


@pytest.mark.parametrize("keys", [[""], [None], [b"bytes"]])
def test_keys_that_cannot_be_keys_are_said(settings, keys):
    """By the setting's name."""
    settings.UNICOM_ENCRYPTION_KEYS = keys
    with pytest.raises(ConfigurationError, match="UNICOM_ENCRYPTION_KEYS"):
        crypto.encrypt("x")


def test_any_text_can_be_a_key(settings):
    """One that is not a Fernet key is stretched to one."""
    settings.UNICOM_ENCRYPTION_KEYS = ["a passphrase", Fernet.generate_key().decode()]
    assert crypto.decrypt(crypto.encrypt("x")) == "x"
    assert crypto.is_current(crypto.encrypt("x"))


def test_a_state_counts_its_writes(channel):
    """Version by version; the last writer wins."""
    state = StoredState(channel)
    assert state.get("cursor") is None and state.get("cursor", 7) == 7
    for value in (1, {"a": [None]}, None):
        state.set("cursor", value)
        assert state.get("cursor", "default") == value
    assert ChannelState.objects.get().version == 3
