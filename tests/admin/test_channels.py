"""Set channels up in the admin."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connections
from django.test import Client

from tests.admin.conftest import act, page
from tests.admin.toy import ToyAdapter
from unicom.models import Channel, Delivery, Update

SECRETS = ("stored-token", "first-secret", "second-secret", "nested-secret")
RAW = '{"TOKEN": "***", "APP_SECRET": "***", "OAUTH2": {"client_id": "me", "client_secret": "***"}}'


def form(client: Client, address: str, **changed: Any) -> dict[str, Any]:
    """Return what a browser would post from a page, with some values changed."""
    fields = client.get(address).context["adminform"].form
    data: dict[str, Any] = {"name": "Shop"}
    for bound in fields:
        value = bound.value()
        if value is True:
            data[bound.html_name] = "on"
        elif value not in (None, False) and not hasattr(bound.field, "several"):
            data[bound.html_name] = value
    data.update(changed)
    return {key: value for key, value in data.items() if value is not None}


def save(client: Client, channel: Channel | None = None, **changed: Any) -> Any:
    """Post a channel's form; returns the response that follows."""
    address = page("channel", channel.pk) if channel else page("channel", view="add") + "?platform=Toy"
    return client.post(address, form(client, address, **changed), follow=True)


def messages(response: Any) -> str:
    """Return what the page tells."""
    return " | ".join(str(message) for message in response.context["messages"])


def test_adding_a_channel_asks_for_the_platform_first(admin_client: Client) -> None:
    content = admin_client.get(page("channel", view="add")).content.decode()
    assert '<a href="?platform=Toy">Toy</a>' in content
    assert "config_" not in content


def test_a_platform_that_does_not_exist_is_named_and_escaped(admin_client: Client) -> None:
    content = admin_client.get(page("channel", view="add") + "?platform=<b>No").content.decode()
    assert "There is no platform “&lt;b&gt;No”" in content


def test_a_platform_that_cannot_be_imported_is_said_to_be_missing(admin_client: Client, settings: Any) -> None:
    settings.UNICOM_PLATFORMS = {"Gone": "not.there.Adapter"}
    content = admin_client.get(page("channel", view="add") + "?platform=Gone").content.decode()
    assert "Gone cannot be used here" in content


def test_the_form_has_a_field_for_each_key_with_its_description(admin_client: Client) -> None:
    response = admin_client.get(page("channel", view="add") + "?platform=Toy")
    fields = response.context["adminform"].form.fields
    kinds = {name.removeprefix("config_"): type(field).__name__ for name, field in fields.items()}
    assert kinds == {
        "name": "CharField",
        "teams": "ModelMultipleChoiceField",
        "TOKEN": "SecretField",
        "APP_SECRET": "SecretField",
        "HOST": "CharField",
        "PORT": "IntegerField",
        "RATE": "FloatField",
        "MODE": "TypedChoiceField",
        "LEVEL": "TypedChoiceField",
        "USE_SSL": "BooleanField",
        "CHECKED": "TypedChoiceField",
        "RELAYS": "LinesField",
        "OAUTH2": "JSONField",
        "API_URL": "CharField",
        "PACING": "JSONField",
        "ON_UNKNOWN": "TypedChoiceField",
        "raw_config": "RawJSONField",
    }
    content = response.content.decode()
    assert "The token the platform gave you." in content
    assert 'type="password" name="config_TOKEN"' in content
    assert 'value="localhost"' in content


def test_a_new_channel_is_saved_with_what_differs_from_the_defaults_and_validated(admin_client: Client) -> None:
    response = save(
        admin_client,
        config_TOKEN="new-token",
        config_APP_SECRET="one two",
        config_PORT="587",
        config_LEVEL="2",
        config_CHECKED="False",
        config_RELAYS="a.example\n\n b.example ",
        config_OAUTH2='{"client_id": "x", "client_secret": "y"}',
    )
    channel = Channel.objects.get()
    assert channel.config == {
        "TOKEN": "new-token",
        "APP_SECRET": ["one", "two"],
        "PORT": 587,
        "LEVEL": 2,
        "CHECKED": False,
        "RELAYS": ["a.example", "b.example"],
        "OAUTH2": {"client_id": "x", "client_secret": "y"},
    }
    assert (channel.platform, channel.active, channel.external_id) == ("Toy", True, "toy-1")
    assert "“Shop” is validated and active." in messages(response)


def test_a_local_platform_needs_nothing_but_a_name(admin_client: Client) -> None:
    response = admin_client.post(
        page("channel", view="add") + "?platform=Internal", {"name": "In", "config_ON_UNKNOWN": "ask"}
    )
    assert response.status_code == 302
    assert Channel.objects.get().active


def test_a_refused_channel_is_saved_inactive_and_says_why_without_the_secret(admin_client: Client) -> None:
    response = save(admin_client, config_TOKEN="refused-token")
    assert not Channel.objects.get().active
    assert "“Shop” is saved, but not active: The platform knows no ***." in messages(response)
    assert "refused-token" not in response.content.decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("atomic_requests", [False, True])
def test_the_platform_is_asked_after_the_commit(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch, atomic_requests: bool
) -> None:
    monkeypatch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", atomic_requests)
    save(admin_client, config_TOKEN="new-token")
    channel = Channel.objects.get()
    save(admin_client, channel, name="Other")
    act(admin_client, "channel", "validate_selected", channel.pk)
    assert ToyAdapter.setups == [False, False, False]


def test_no_page_shows_a_stored_secret(admin_client: Client, toy: Channel) -> None:
    addresses = [page("channel"), *(page("channel", toy.pk, view=view) for view in ("change", "history", "delete"))]
    for address in addresses:
        content = admin_client.get(address).content.decode()
        assert not [secret for secret in SECRETS if secret in content], address


def test_an_empty_secret_keeps_what_is_stored(admin_client: Client, toy: Channel) -> None:
    before = toy.config
    save(admin_client, toy, config_HOST="mail.example")
    toy.refresh_from_db()
    assert toy.config == {**before, "HOST": "mail.example"}


def test_a_typed_secret_replaces_what_is_stored(admin_client: Client, toy: Channel) -> None:
    save(admin_client, toy, config_TOKEN="new-token")
    toy.refresh_from_db()
    assert toy.config["TOKEN"] == "new-token"
    assert toy.config["APP_SECRET"] == ["first-secret", "second-secret"]


def test_an_emptied_field_takes_the_key_out(admin_client: Client, toy: Channel) -> None:
    save(admin_client, toy, config_OAUTH2="")
    toy.refresh_from_db()
    assert "OAUTH2" not in toy.config


def test_the_history_names_the_key_and_never_the_value(admin_client: Client, toy: Channel) -> None:
    save(admin_client, toy, config_TOKEN="new-token", config_HOST="mail.example")
    entry = LogEntry.objects.get()
    assert "TOKEN" in entry.change_message
    assert "new-token" not in entry.change_message
    assert "mail.example" not in entry.change_message


def test_the_raw_json_masks_every_secret(admin_client: Client, toy: Channel) -> None:
    field = admin_client.get(page("channel", toy.pk)).context["adminform"].form["raw_config"]
    assert json.loads(field.value()) == json.loads(RAW)


def test_masks_written_back_keep_what_is_stored(admin_client: Client, toy: Channel) -> None:
    before = toy.config
    save(admin_client, toy, raw_config=json.dumps({**json.loads(RAW), "PORT": 465}))
    toy.refresh_from_db()
    assert toy.config == {**before, "PORT": 465}


def test_raw_json_takes_keys_out_and_secrets_in(admin_client: Client, toy: Channel) -> None:
    save(admin_client, toy, raw_config='{"TOKEN": "raw-token"}')
    toy.refresh_from_db()
    assert toy.config == {"TOKEN": "raw-token"}


def test_a_mask_where_nothing_is_stored_is_an_error(admin_client: Client) -> None:
    response = save(admin_client, raw_config='{"TOKEN": "***"}')
    assert "TOKEN: *** stands for a stored value, and none is stored." in response.context["errors"][0]
    assert not Channel.objects.exists()


def test_every_bad_key_of_the_raw_json_is_named_and_no_typed_secret_comes_back(
    admin_client: Client, toy: Channel
) -> None:
    raw = {"TOKEN": "typed-token", "PORT": 0, "COLOUR": "red-secret", "OAUTH2": {"client_secret": "typed-nested"}}
    response = save(admin_client, toy, raw_config=json.dumps(raw))
    shown = " ".join(response.context["errors"][0])
    assert "COLOUR: not a key of this platform" in shown
    assert "PORT: " in shown
    assert "OAUTH2.client_id: required" in shown
    content = response.content.decode()
    assert not [secret for secret in ("typed-token", "red-secret", "typed-nested", *SECRETS) if secret in content]
    toy.refresh_from_db()
    assert toy.config["TOKEN"] == "stored-token"


def test_raw_text_that_is_not_json_says_where_and_keeps_its_secrets_to_itself(
    admin_client: Client, toy: Channel
) -> None:
    response = save(admin_client, toy, raw_config='{"TOKEN": "typed-token", "HOST": "mail.example",\n oops}')
    content = response.content.decode()
    assert "This is not JSON" in content
    assert "line 2" in content
    assert "typed-token" not in content
    assert "mail.example" in content


@pytest.mark.parametrize("raw", ["[1]", "7", '"text"', "[" * 100_000])
def test_raw_json_that_is_no_object_is_refused(admin_client: Client, toy: Channel, raw: str) -> None:
    response = save(admin_client, toy, raw_config=raw)
    assert response.status_code == 200
    assert response.context["errors"]


def test_changing_the_fields_and_the_raw_json_at_once_is_refused(admin_client: Client, toy: Channel) -> None:
    response = save(admin_client, toy, config_HOST="a.example", raw_config='{"TOKEN": "***", "HOST": "b.example"}')
    assert "Change one or the other." in response.content.decode()


def test_each_bad_field_is_named_at_its_place(admin_client: Client, toy: Channel) -> None:
    response = save(admin_client, toy, config_PORT="99999", config_OAUTH2='{"client_id": "x"}')
    errors = response.context["adminform"].form.errors
    assert set(errors) == {"config_PORT", "config_OAUTH2"}
    assert errors["config_OAUTH2"] == ["client_secret: required"]


def test_a_secret_typed_beside_an_error_has_to_be_typed_again_and_is_not_lost_silently(
    admin_client: Client, toy: Channel
) -> None:
    oauth = '{"client_id": "x", "client_secret": "typed-nested"}'
    response = save(admin_client, toy, name="", config_TOKEN="typed-token", config_OAUTH2=oauth)
    errors = response.context["adminform"].form.errors
    assert set(errors) == {"name", "config_TOKEN"}
    content = response.content.decode()
    assert "typed-token" not in content
    assert "typed-nested" not in content


def test_a_key_that_is_not_known_any_more_is_masked_and_named(admin_client: Client, toy: Channel) -> None:
    Channel.objects.filter(pk=toy.pk).update(config={"TOKEN": "stored-token", "OLD_TOKEN": "old-secret"})
    assert "old-secret" not in admin_client.get(page("channel", toy.pk)).content.decode()
    response = save(admin_client, toy, config_HOST="mail.example")
    assert "OLD_TOKEN: not a key of this platform" in response.content.decode()


def test_the_platform_cannot_be_changed_later(admin_client: Client, toy: Channel) -> None:
    save(admin_client, toy, platform="Internal")
    toy.refresh_from_db()
    assert toy.platform == "Toy"


def test_a_channel_of_a_platform_that_was_taken_out_can_be_renamed_and_deleted(
    admin_client: Client, toy: Channel, settings: Any
) -> None:
    settings.UNICOM_PLATFORMS = {}
    content = admin_client.get(page("channel", toy.pk)).content.decode()
    assert "The platform is not installed" in content
    assert not [secret for secret in SECRETS if secret in content]
    response = admin_client.post(page("channel", toy.pk), {"name": "Old"}, follow=True)
    assert "is saved, but not active" in messages(response)
    toy.refresh_from_db()
    assert (toy.name, toy.config["TOKEN"]) == ("Old", "stored-token")
    admin_client.post(page("channel", toy.pk, view="delete"), {"post": "yes"})
    assert not Channel.objects.exists()


def test_a_config_no_key_opens_is_an_explained_error_and_not_a_crash(
    admin_client: Client, toy: Channel, settings: Any
) -> None:
    settings.UNICOM_ENCRYPTION_KEYS = ["another key"]
    assert admin_client.get(page("channel")).status_code == 200
    response = admin_client.get(page("channel", toy.pk), follow=True)
    assert "UNICOM_ENCRYPTION_KEYS" in messages(response)
    assert "UNICOM_ENCRYPTION_KEYS" in act(admin_client, "channel", "validate_selected", toy.pk)
    for model in ("message", "chat", "delivery", "request", "update", "draftmessage", "suppression"):
        assert admin_client.get(page(model)).status_code == 200


@pytest.mark.parametrize("debug", [False, True])
def test_an_error_page_holds_no_secret(
    admin_client: Client, toy: Channel, settings: Any, monkeypatch: pytest.MonkeyPatch, debug: bool
) -> None:
    settings.DEBUG = debug

    def crash(self: Any, *args: Any, **kwargs: Any) -> None:
        inner = dict(self.config)
        raise RuntimeError(f"crashed with {len(inner)} keys")

    typed = "-".join(("typed", "token"))  # an error page quotes the source, and this is source
    data = form(admin_client, page("channel", toy.pk), config_TOKEN=typed)
    monkeypatch.setattr(Channel, "save", crash)
    admin_client.raise_request_exception = False
    content = admin_client.post(page("channel", toy.pk), data).content.decode()
    assert ("RuntimeError" in content) is debug
    assert not [secret for secret in (typed, *SECRETS) if secret in content]


def test_whoever_may_only_look_sees_the_config_masked(staff: Callable[..., Client], toy: Channel) -> None:
    client = staff("view_channel")
    content = client.get(page("channel", toy.pk)).content.decode()
    assert "TOKEN" in content
    assert not [secret for secret in SECRETS if secret in content]
    assert 'name="_save"' not in content
    assert client.post(page("channel", toy.pk), {"name": "Mine"}).status_code == 403
    assert client.get(page("channel", view="add")).status_code == 403
    act(client, "channel", "deactivate_selected", toy.pk)
    toy.refresh_from_db()
    assert (toy.active, toy.name) == (True, "Shop")


def test_channels_are_deactivated_and_validated_from_the_list(admin_client: Client, toy: Channel) -> None:
    assert "1 channel was deactivated." in act(admin_client, "channel", "deactivate_selected", toy.pk)
    toy.refresh_from_db()
    assert not toy.active
    assert "“Shop” is validated and active." in act(admin_client, "channel", "validate_selected", toy.pk)
    toy.refresh_from_db()
    assert toy.active


def test_the_list_tells_health_and_what_waits(admin_client: Client, toy: Channel, said: Any) -> None:
    message = said(is_outgoing=True)
    for state in ("queued", "queued", "unknown", "sent"):
        Delivery.objects.create(message=message, channel=toy, chat=message.chat, state=state)
    Update.objects.create(channel=toy, body=b"x", digest="1", error="bad")
    Channel.objects.create(name="Broken", platform="Toy", config=cast("Any", {"TOKEN": "refused-token"})).validate()
    content = admin_client.get(page("channel")).content.decode()
    assert "2 queued" in content
    assert "1 unknown" in content
    assert "1 dead letters" in content
    assert "not active</span>" in content
    assert "The platform knows no ***." in content


def test_the_ace_editor_is_used_where_it_is_installed(settings: Any) -> None:
    from unicom.admin.channel_forms import raw_widget

    assert type(raw_widget()).__name__ == "Textarea"
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "django_ace"]
    widget: Any = raw_widget()
    assert (type(widget).__name__, widget.mode) == ("AceWidget", "json")
