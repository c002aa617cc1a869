"""Hold that what belongs to a team's channel is seen and done by the team alone, on every page there is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group, Permission, User
from django.core.files.base import ContentFile
from django.db import connection
from django.db.models import Model
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.admin.conftest import page
from tests.admin.test_lists import fill
from unibot.models import Bot, BotRun
from unicom import access, models

APPS = ("unicom", "unibot")
ADMINS = {
    model._meta.model_name or "": model_admin
    for model, model_admin in admin.site._registry.items()
    if model._meta.app_label in APPS
}
OPEN = {"member", "membergroup"}
"""The operator's own books: of no channel."""
WHOLE = {"job"}
"""Of the whole installation."""
TEAM = sorted(ADMINS.keys() - OPEN - WHOLE)
SECRET = "KEPT-FROM-OTHERS"


@pytest.fixture
def team(db: Any) -> Group:
    """Return a team with a channel of its own, beside a channel that is everybody's; each has a row of everything."""
    fill(2)
    for number in range(2):
        request = models.Request.objects.get(account=f"toy_{number}")
        bot = Bot.objects.create(name=f"Bot {number}")
        bot.channels.add(request.channel)
        BotRun.objects.create(bot=bot, request=request, outcome="answered", model=f"model-{number}")
        category = models.RequestCategory.objects.get(name__startswith=f"Category {number}")
        category.channels.add(request.channel)
        message = models.Message.objects.get(sender=f"toy_{number}")
        models.Attachment.objects.create(message=message, name="a.txt", file=ContentFile(b"words", "a.txt"))
        message.media.save("b.txt", ContentFile(b"words"))
    team = Group.objects.create(name="Night shift")
    models.Channel.objects.get(name="Channel 0").teams.add(team)
    return team


@pytest.fixture
def colleagues(team: Group) -> dict[str, Client]:
    """Return staff of each kind."""
    everything = Permission.objects.filter(content_type__app_label__in=APPS)
    found = {}
    for name in ("powerless", "outsider", "insider", "superuser"):
        user = User.objects.create_user(name, is_staff=True, is_superuser=name == "superuser")
        user.user_permissions.set(everything if name in ("outsider", "insider") else ())
        if name == "insider":
            user.groups.add(team)
        found[name] = Client()
        found[name].force_login(user)
    return found


def row_of(name: str, number: int) -> Any:
    """Return the row of a model that belongs to the n-th channel; the first is the team's."""
    channel = models.Channel.objects.get(name=f"Channel {number}")
    paths: dict[str, dict[str, Any]] = {
        "channel": {"pk": channel.pk},
        "account": {"chats__channel": channel},
        "bot": {"channels": channel},
        "botrun": {"request__channel": channel},
        "messagetemplate": {"channels": channel},
        "requestcategory": {"channels": channel},
        "toolcall": {"chat__channel": channel},
    }
    return ADMINS[name].model._default_manager.get(**paths.get(name, {"channel": channel}))


def addresses(name: str, row: Any) -> Iterator[tuple[str, str]]:
    """Give every page of a model, those about one row for this row; one that is new has to be made known here."""
    message = row if name == "message" else None
    known = {
        "object_id": quote(row.pk),
        "attachment_id": message and message.attachments.get().pk,
        "message_id": message and message.pk,
    }
    for pattern in ADMINS[name].get_urls():
        if pattern.name is None:  # Django's old address of a change page
            continue
        given = {key: known[key] for key in pattern.pattern.converters}
        yield pattern.name, reverse(f"admin:{pattern.name}", kwargs=given)


def stored() -> dict[str, list[Any]]:
    """Return all that is in our tables and the log."""
    tables: list[type[Model]] = [model for app in APPS for model in apps.get_app_config(app).get_models()]
    links = [field.remote_field.through for model in tables for field in model._meta.local_many_to_many]
    every: list[Any] = [*tables, *links, LogEntry]
    return {model._meta.label: list(model._default_manager.order_by("pk").values()) for model in every}


def is_refused(response: Any) -> bool:
    """Tell whether there is nothing: no permission, no such page, or no such row, as Django says it."""
    sent_home = (response.status_code, response.get("Location")) == (302, "/admin/")
    return sent_home or response.status_code in (403, 404, 405)


FIELDS = {"text": "hello", "name": "taken", "title": "taken", "post": "yes", "writing": "1", "chat_id": "x"}


@pytest.mark.parametrize("name", TEAM)
def test_known_failure_26_no_page_of_a_row_of_another_team_opens_or_does_anything(
    colleagues: dict[str, Client], name: str, subtests: Any
) -> None:
    before = stored()
    row = row_of(name, 0)
    for who in ("powerless", "outsider"):
        for page_name, address in addresses(name, row):
            about_a_row = any(str(part) in address for part in (quote(row.pk), "attachment/", "media/"))
            responses = [colleagues[who].get(address), colleagues[who].post(address, FIELDS)]
            with subtests.test(who=who, page=page_name):
                if who == "powerless" or about_a_row:
                    assert [is_refused(response) for response in responses] == [True, True], responses
    assert stored() == before


@pytest.mark.parametrize("who", ["insider", "superuser"])
@pytest.mark.parametrize("name", TEAM)
def test_the_team_and_superusers_open_every_page(colleagues: dict[str, Client], name: str, who: str) -> None:
    for page_name, address in addresses(name, row_of(name, 0)):
        response: Any = colleagues[who].get(address, follow=True)
        others = {"_preview": 405, "_add": 403, "_delete": 403}  # by POST alone, or for nobody at all
        also = next((status for end, status in others.items() if page_name.endswith(end)), 200)
        assert response.status_code in (200, also), page_name
        assert not response.streaming or b"".join(response.streaming_content) == b"words"
        assert response.request["PATH_INFO"] != "/admin/", page_name


@pytest.mark.parametrize("name", TEAM)
def test_lists_searches_and_their_filters_name_only_what_is_the_user_s(
    colleagues: dict[str, Client], name: str
) -> None:
    """Whatever is searched for; the other channel's rows are there."""
    row = row_of(name, 0)
    for query in ("", f"?q={quote(row.pk)}", "?_facets=True"):
        found = {who: colleagues[who].get(page_of(name) + query) for who in ("outsider", "insider", "superuser")}
        shown = {who: {item.pk for item in response.context["cl"].queryset} for who, response in found.items()}
        assert row.pk not in shown["outsider"]
        if not query:
            assert shown["outsider"] == {row_of(name, 1).pk}
            assert row.pk in shown["insider"] and row.pk in shown["superuser"]
        assert "Channel 0" not in found["outsider"].content.decode()
        assert "Category 0" not in found["outsider"].content.decode()
        assert "Bot 0" not in found["outsider"].content.decode()


@pytest.mark.parametrize("name", sorted(ADMINS.keys() - OPEN))
def test_known_failure_26_no_action_touches_a_row_of_another_team(
    colleagues: dict[str, Client], name: str, rf: RequestFactory
) -> None:
    """Whatever the action, chosen one by one or all at once; for jobs, any."""
    row = row_of(name, 0) if name not in WHOLE else models.Job.objects.all()[0]
    rf_request = rf.get("/")
    rf_request.user = User.objects.get(username="outsider")
    for action in ADMINS[name].get_actions(rf_request):
        before = stored()
        data = {"action": action, "_selected_action": [str(row.pk)], "post": "yes"}
        colleagues["outsider"].post(page_of(name), data)
        assert stored() == before, action


def test_an_action_on_all_rows_leaves_those_of_other_teams(colleagues: dict[str, Client]) -> None:
    data = {"action": "block", "_selected_action": ["toy_0", "toy_1"], "select_across": "1"}
    colleagues["outsider"].post(page("account"), data)
    assert set(models.Account.objects.values_list("pk", "blocked")) == {("toy_0", False), ("toy_1", True)}
    colleagues["insider"].post(page("account"), data)
    assert models.Account.objects.get(pk="toy_0").blocked


def test_suggestions_offer_only_what_is_the_user_s(colleagues: dict[str, Client]) -> None:
    asked = {"app_label": "unicom", "model_name": "suppression", "field_name": "account", "term": "toy_"}
    found = {
        who: {item["id"] for item in client.get("/admin/autocomplete/", asked).json()["results"]}
        for who, client in colleagues.items()
        if who != "powerless"
    }
    assert found == {"outsider": {"toy_1"}, "insider": {"toy_0", "toy_1"}, "superuser": {"toy_0", "toy_1"}}
    assert colleagues["powerless"].get("/admin/autocomplete/", asked).status_code == 403


@pytest.mark.parametrize(
    ("model", "values", "field"),
    [
        ("suppression", {"address": "a@b.example", "reason": "no"}, "channel"),
        ("draftmessage", {"chat_id": "x", "text": "hello", "render_variables": "{}", "buttons": "[]"}, "channel"),
        ("messagetemplate", {"title": "t"}, "channels"),
        ("requestcategory", {"name": "c", "sequence": "0"}, "channels"),
        ("requestcategory", {"name": "c", "sequence": "0", "channels": "open"}, "parent"),
    ],
)
def test_no_form_takes_what_the_user_may_not_see(
    colleagues: dict[str, Client], model: str, values: dict[str, str], field: str
) -> None:
    """Even if it is posted by hand; the team's may."""
    open_pk, closed_pk = row_of("channel", 1).pk, row_of("channel", 0).pk
    hidden = row_of("requestcategory", 0).pk if field == "parent" else closed_pk
    data = {**values, **({"channels": open_pk} if values.get("channels") else {}), field: hidden}
    response = colleagues["outsider"].post(page(model, view="add"), with_inlines(data))
    assert response.status_code == 200
    assert field in response.context["adminform"].form.errors
    assert colleagues["insider"].post(page(model, view="add"), with_inlines(data)).status_code == 302


def with_inlines(data: dict[str, Any]) -> dict[str, Any]:
    """Return what a form posts, with the counts of the forms within it."""
    counts = {"TOTAL_FORMS": 0, "INITIAL_FORMS": 0}
    names = ("attachments", "variants")
    return {**data, **{f"{name}-{key}": value for name in names for key, value in counts.items()}}


def test_what_is_for_every_channel_is_seen_by_all_and_changed_by_whoever_works_with_all(
    colleagues: dict[str, Client],
) -> None:
    """A template, a category and a bot without channels; and one of two teams' channels."""
    for model in ("messagetemplate", "requestcategory", "bot"):
        row = row_of(model, 0)
        for channels, seen in (((), True), ((0, 1), True), ((0,), False), ((1,), True)):
            row.channels.set([row_of("channel", number) for number in channels])
            response = colleagues["outsider"].get(page_of(model, row))
            assert (response.status_code == 200) is seen, (model, channels)
            may_save = seen and b'name="_save"' in response.content
            assert may_save is (channels == (1,)), (model, channels)
            if seen:
                data = with_inlines({"name": "taken", "title": "taken", "channels": row_of("channel", 1).pk})
                saved = colleagues["outsider"].post(page_of(model, row), data)
                assert (saved.status_code == 403) is (channels != (1,)), (model, channels)
            assert b'name="_save"' in colleagues["insider"].get(page_of(model, row)).content


def test_whoever_does_not_work_with_every_channel_names_some(colleagues: dict[str, Client]) -> None:
    """What names none is about all of them, those of other teams as well."""
    data = with_inlines({"title": "t"})
    response = colleagues["outsider"].post(page("messagetemplate", view="add"), data)
    assert "channels" in response.context["adminform"].form.errors
    assert colleagues["insider"].post(page("messagetemplate", view="add"), data).status_code == 302


def test_a_person_who_also_talks_on_another_team_s_channel_is_seen_and_not_changed(
    colleagues: dict[str, Client],
) -> None:
    models.AccountChat.objects.create(account_id="toy_0", chat_id="chat_1")
    assert colleagues["outsider"].get(page("account", "toy_0")).status_code == 200
    assert colleagues["outsider"].post(page("account", "toy_0"), {"member": ""}).status_code == 403
    assert colleagues["outsider"].post(page("account", "toy_0", view="delete"), {"post": "yes"}).status_code == 403
    answer = colleagues["outsider"].post(
        page("account"), {"action": "block", "_selected_action": ["toy_0"]}, follow=True
    )
    assert "concerns channels of other teams" in answer.content.decode()
    assert not models.Account.objects.get(pk="toy_0").blocked


def test_a_member_s_page_shows_only_the_accounts_the_user_sees(colleagues: dict[str, Client]) -> None:
    models.Account.objects.filter(pk="toy_0").update(name=SECRET)
    member = models.Account.objects.get(pk="toy_0").member
    assert member is not None
    found = {who: client.get(page("member", member.pk)).content.decode() for who, client in colleagues.items()}
    assert {who for who, text in found.items() if SECRET in text} == {"insider", "superuser"}


def test_what_belongs_to_no_channel_any_more_is_for_those_from_whom_none_is_hidden(
    colleagues: dict[str, Client],
) -> None:
    """A draft whose channel was deleted, an account with no chats, jobs, which are the whole installation's."""
    models.DraftMessage.objects.update(channel=None)
    models.AccountChat.objects.all().delete()
    for name in ("draftmessage", "account", "job"):
        seen = {who: len(colleagues[who].get(page(name)).context["cl"].queryset) for who in ("outsider", "insider")}
        assert seen == {"outsider": 0, "insider": 2}, name
    models.Channel.teams.through.objects.all().delete()
    for name in ("draftmessage", "account", "job"):
        assert len(colleagues["outsider"].get(page(name)).context["cl"].queryset) == 2, name


def test_a_deletion_takes_nothing_of_another_team_along(colleagues: dict[str, Client]) -> None:
    """A category below, whose requests are another team's."""
    below, above = row_of("requestcategory", 0), row_of("requestcategory", 1)
    below.parent = above
    below.save()
    refused = colleagues["outsider"].post(page("requestcategory", above.pk, view="delete"), {"post": "yes"})
    assert refused.status_code == 403
    assert models.RequestCategory.objects.count() == 2
    assert colleagues["outsider"].get(page("requestcategory", above.pk)).status_code == 200


def test_a_form_that_would_drop_what_the_user_does_not_see_is_not_offered(colleagues: dict[str, Client]) -> None:
    """A category of the user's below one that is hidden."""
    below, above = row_of("requestcategory", 1), row_of("requestcategory", 0)
    below.parent = above
    below.save()
    response = colleagues["outsider"].post(page("requestcategory", below.pk), {"name": "x", "sequence": "0"})
    assert response.status_code == 403
    assert models.RequestCategory.objects.get(pk=below.pk).parent == above


def test_a_conversation_as_a_model_reads_it_is_the_team_s(colleagues: dict[str, Client]) -> None:
    message = models.Message.objects.get(sender="toy_0")
    address = reverse("message_as_llm_chat", args=[message.pk])
    found = {who: client.get(address).status_code for who, client in colleagues.items()}
    assert found == {"powerless": 403, "outsider": 404, "insider": 200, "superuser": 200}


def test_templates_to_start_from_are_those_of_the_user_s_channels(colleagues: dict[str, Client]) -> None:
    channel, template = row_of("channel", 0), row_of("messagetemplate", 0)
    found = {}
    for who, client in colleagues.items():
        every = client.get(reverse("message_templates"))
        asked = client.get(reverse("message_templates"), {"channel_id": channel.pk}).status_code
        body = json.dumps({"template_id": template.pk, "html_prompt": " "})
        filled = client.post(reverse("populate_message_template"), body, content_type="application/json").status_code
        ids = {item["id"] for item in every.json()} if every.status_code == 200 else None
        found[who] = ids and template.pk in ids, asked, filled
    assert found == {
        "powerless": (None, 403, 403), "outsider": (False, 404, 400), "insider": (True, 200, 400),
        "superuser": (True, 200, 400),
    }  # fmt: skip
    body = json.dumps({"template_id": template.pk, "html_prompt": "fill"})
    address = reverse("populate_message_template")
    assert colleagues["outsider"].post(address, body, content_type="application/json").status_code == 404


def test_a_draft_that_answers_begins_with_the_words_of_the_user_s_channels_only(colleagues: dict[str, Client]) -> None:
    message = models.Message.objects.get(sender="toy_0")
    models.Message.objects.filter(pk=message.pk).update(text=SECRET)
    address = page("draftmessage", view="add") + f"?reply_to_message_id={message.pk}"
    assert SECRET not in colleagues["outsider"].get(address).content.decode()
    assert SECRET in colleagues["insider"].get(address).content.decode()


def test_a_preview_does_not_tell_the_name_of_another_team_s_channel(colleagues: dict[str, Client]) -> None:
    data = {"text": "{{ channel.name }}", "render_template": "on", "channel": row_of("channel", 0).pk}
    address = reverse("admin:unicom_draftmessage_preview")
    assert "Channel 0" not in colleagues["outsider"].post(address, data).content.decode()
    assert "Channel 0" in colleagues["insider"].post(address, data).content.decode()


def test_dead_letters_are_counted_within_the_user_s_channels(colleagues: dict[str, Client]) -> None:
    assert "dead letter (1)" in colleagues["outsider"].get(page("update")).content.decode()
    assert "dead letter (2)" in colleagues["insider"].get(page("update")).content.decode()


def test_a_bot_s_runs_are_counted_within_the_user_s_channels(colleagues: dict[str, Client]) -> None:
    bot = row_of("bot", 1)
    bot.channels.clear()
    BotRun.objects.update(bot=bot, cost=1)
    for who, count in (("outsider", 1), ("insider", 2), ("superuser", 2)):
        (found,) = [row for row in colleagues[who].get(page_of("bot")).context["cl"].queryset if row == bot]
        assert (found.run_count, found.total_cost) == (count, count)


def test_teams_are_named_on_a_channel_s_page(colleagues: dict[str, Client], team: Group) -> None:
    """Whoever names others is out from then on."""
    channel = row_of("channel", 1)
    colleagues["outsider"].get(page("channel", channel.pk))
    data = {"name": "Ours", "teams": [team.pk], "config_TOKEN": "x", "config_HOST": "localhost", "config_PORT": "25"}
    colleagues["outsider"].post(page("channel", channel.pk), {**data, "config_MODE": "fast", "config_USE_SSL": "on"})
    channel.refresh_from_db()
    assert (channel.name, list(channel.teams.all())) == ("Ours", [team])
    assert is_refused(colleagues["outsider"].get(page("channel", channel.pk)))


def test_nobody_is_let_in_who_is_no_active_user(team: Group) -> None:
    from django.contrib.auth.models import AnonymousUser

    away = User.objects.create_user("away", is_staff=True, is_superuser=True, is_active=False)
    for user in (AnonymousUser(), away):
        assert not access.access_channels(user).exists()
        assert not access.visible(models.Message.objects.all(), user).exists()
        assert not access.visible(models.MessageTemplate.objects.all(), user).exists()


@pytest.mark.parametrize("name", sorted(ADMINS))
def test_lists_of_limited_staff_take_no_query_more_at_any_size(colleagues: dict[str, Client], name: str) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert colleagues["outsider"].get(page_of(name)).status_code == 200
        return len(captured)

    count()
    few = count()
    fill(10)
    assert count() == few <= 13


def page_of(name: str, row: Any = None) -> str:
    """Return the address of a list or of a row's page, of any of our apps."""
    label = f"{ADMINS[name].opts.app_label}_{name}"
    return reverse(f"admin:{label}_change", args=[quote(row.pk)]) if row else reverse(f"admin:{label}_changelist")
