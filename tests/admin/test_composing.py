"""Compose in the admin: previews, checks of what is approved, attachments, answers that quote."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from tests.admin.conftest import EVIL, page
from unicom.models import Channel, Chat, DraftAttachment, DraftMessage, Message, MessageTemplate, TemplateVariant

FILES = {
    "attachments-TOTAL_FORMS": "0", "attachments-INITIAL_FORMS": "0", "variants-TOTAL_FORMS": "0",
    "variants-INITIAL_FORMS": "0",
}  # fmt: skip
JSON = {"buttons": "[]", "render_variables": "{}", **FILES}
PREVIEW = "/admin/unicom/draftmessage/preview/"


def add(client: Client, toy: Channel, **values: Any) -> Any:
    """Post the form of a new draft."""
    data = {**JSON, "channel": toy.pk, "chat_id": "room", "text": "Hello", "render_template": "on", **values}
    return client.post(page("draftmessage", view="add"), data)


def test_a_preview_shows_what_is_typed_and_what_is_missing(admin_client: Client, toy: Channel) -> None:
    values = {
        "channel": toy.pk, "render_template": "on", "render_variables": '{"name": "Ann & Co"}',
        "subject": "To {{ variables.name }}", "text": "{{ channel.name }}", "html": "<p>{{ variables.nme }}</p>",
    }  # fmt: skip
    response = admin_client.post(PREVIEW, values)
    content = response.content.decode()
    assert "To Ann &amp; Co" in content
    assert "Shop" in content
    assert "Not defined: <code>variables.nme</code>" in content
    assert "[variables.nme?]" in content
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert "sandbox" in response["Content-Security-Policy"]
    assert not DraftMessage.objects.exists()


def test_a_preview_says_what_is_wrong(admin_client: Client, toy: Channel) -> None:
    values = {"render_template": "on", "text": "{{ 1 / 0 }}", "html": "{{ x", "render_variables": "{"}
    content = admin_client.post(PREVIEW, values).content.decode()
    assert "text: line 1: division by zero" in content
    assert "html: line 1: unexpected end of template" in content
    assert "render_variables: this is not JSON" in content


def test_what_is_no_template_is_previewed_as_it_is(admin_client: Client) -> None:
    assert "{{ name }}" in admin_client.post(PREVIEW, {"text": "{{ name }}"}).content.decode()
    assert "Nothing is written yet." in admin_client.post(PREVIEW, {}).content.decode()


def test_nothing_in_a_preview_runs(admin_client: Client) -> None:
    deep = "<div>" * 600
    for html in (EVIL, f"{{{{ '{EVIL}'|safe }}}}", deep):
        content = admin_client.post(PREVIEW, {"html": html, "render_template": "on"}).content.decode()
        assert "<script>" not in content
        assert "onerror" not in content.replace("&lt;img src=x onerror", "")
    assert "Too deeply nested" in content


def test_previews_are_for_those_who_may_write(staff: Callable[..., Client], client: Client) -> None:
    assert staff("view_draftmessage").post(PREVIEW, {"text": "x"}).status_code == 403
    assert staff("add_draftmessage").post(PREVIEW, {"text": "x"}).status_code == 200
    assert staff("add_draftmessage").get(PREVIEW).status_code == 405
    assert client.post(PREVIEW, {"text": "x"}).status_code == 302


def test_what_is_approved_has_to_be_fit_to_be_sent(admin_client: Client, toy: Channel, chat: Chat) -> None:
    response = add(admin_client, toy, text="Hello {{ variables.nme }}", is_approved="on")
    assert response.context["adminform"].form.errors == {"text": ["text: line 1: 'variables.nme' is undefined."]}
    assert add(admin_client, toy, text="Hello {{ variables.nme }}").status_code == 302
    good = {"text": "Hello {{ variables.name }} {{ sender.username }}", "render_variables": '{"name": "Ann"}'}
    assert add(admin_client, toy, **good, is_approved="on").status_code == 302
    response = add(admin_client, toy, buttons='[["x"]]', is_approved="on")
    assert list(response.context["adminform"].form.errors) == ["buttons"]


def test_a_broken_template_is_refused_at_once(admin_client: Client, toy: Channel) -> None:
    response = add(admin_client, toy, text="{{ a", html="{% for %}", render_variables="[]")
    errors = response.context["adminform"].form.errors
    assert sorted(errors) == ["html", "render_variables", "text"]
    assert errors["text"] == ["line 1: unexpected end of template, expected 'end of print statement'."]
    data = {**FILES, "title": "x", "content": "{% include 'x' %}"}
    errors = admin_client.post(page("messagetemplate", view="add"), data).context["adminform"].form.errors
    assert errors == {"content": ["line 1: {% include %} cannot be used in a message."]}


def test_files_are_attached(admin_client: Client, toy: Channel) -> None:
    file = SimpleUploadedFile("price list.pdf", b"%PDF-1.4")
    add(admin_client, toy, **{"attachments-TOTAL_FORMS": "1", "attachments-0-file": file})
    row = DraftAttachment.objects.get()
    assert (row.name, row.draft.text) == ("price list.pdf", "Hello")
    content = admin_client.get(page("draftmessage", row.draft_id)).content.decode()
    assert "price list.pdf" in content
    assert str(row.file.name) not in content


def test_an_answer_quotes_and_is_no_template(admin_client: Client, toy: Channel, said: Callable[..., Message]) -> None:
    """Known failure 27: text quoting a user was rendered as a template."""
    asked = said("How do I write {{ name }}?")
    address = f"{page('draftmessage', view='add')}?reply_to_message_id={asked.pk}"
    form = admin_client.get(address).context["adminform"].form
    initial = {name: form[name].value() for name in ("channel", "chat_id", "text", "render_template")}
    assert initial == {
        "channel": toy.pk, "chat_id": asked.chat_id, "text": "> How do I write {{ name }}?\n\n",
        "render_template": False,
    }  # fmt: skip
    assert address in admin_client.get(page("message", asked.pk)).content.decode()


def test_nobody_is_quoted_what_they_may_not_read(staff: Callable[..., Client], said: Callable[..., Message]) -> None:
    asked = said("A secret")
    writer = staff("add_draftmessage", "view_draftmessage")
    content = writer.get(f"{page('draftmessage', view='add')}?reply_to_message_id={asked.pk}").content.decode()
    assert "A secret" not in content


def test_who_may_only_look_sees_a_picture(staff: Callable[..., Client], toy: Channel) -> None:
    draft = DraftMessage.objects.create(channel=toy, chat_id="room", html=f"<b>Hi</b>{EVIL}")
    template = MessageTemplate.objects.create(title="x", content=f"<b>Hi</b>{EVIL}")
    viewer = staff("view_draftmessage", "view_messagetemplate")
    for row in (draft, template):
        content = viewer.get(page(str(row._meta.model_name), row.pk)).content.decode()
        assert 'sandbox=""' in content
        assert "<script>alert" not in content
        assert "data-unicom-preview" not in content


def test_a_template_names_what_it_needs(admin_client: Client) -> None:
    template = MessageTemplate.objects.create(
        title="x", content="{% for row in variables.rows %}{{ row.name }}{% endfor %}\n{{ now() }}{{ order.total }}"
    )
    content = admin_client.get(page("messagetemplate", template.pk)).content.decode()
    assert "<code>variables.rows</code> (line 1)<br><code>order.total</code> (line 2)<br>" in content
    assert "<code>row.name</code>" not in content


def test_variants_are_edited_beside_their_template(admin_client: Client, toy: Channel) -> None:
    data = {
        **FILES, "title": "x", "content": "<p>x</p>", "variants-TOTAL_FORMS": "1", "variants-0-platform": "Toy",
        "variants-0-text": "toy words",
    }  # fmt: skip
    assert admin_client.post(page("messagetemplate", view="add"), data).status_code == 302
    assert TemplateVariant.objects.get().text == "toy words"
    data["variants-0-text"] = "{{ x"
    response = admin_client.post(page("messagetemplate", view="add"), data)
    assert response.status_code == 200
    assert "unexpected end of template" in response.content.decode()


def test_the_editor_is_ours_where_it_is_built_and_a_text_area_else(
    admin_client: Client, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unicom.admin import editor

    address = page("messagetemplate", view="add")
    monkeypatch.setattr(editor, "is_built", lambda: True)
    content = admin_client.get(address).content.decode()
    assert "/static/unicom/vendor/hugerte/hugerte.min.js" in content
    assert 'data-unicom-editor="/static/unicom/vendor/hugerte"' in content
    monkeypatch.setattr(editor, "is_built", lambda: False)
    assert "hugerte.min.js" not in admin_client.get(address).content.decode()
    settings.UNICOM_TINYMCE_API_KEY = "abc"
    assert "https://cdn.tiny.cloud/1/abc/tinymce/6/tinymce.min.js" in admin_client.get(address).content.decode()


def test_a_reply_that_will_cancel_a_draft_is_shown(
    admin_client: Client, toy: Channel, chat: Chat, said: Callable[..., Message]
) -> None:
    draft = DraftMessage.objects.create(
        channel=toy, chat_id=chat.pk, text="x", cancel_on_reply=True, is_approved=True,
        send_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    sentence = "The recipient has written since: it will be cancelled."
    assert sentence not in admin_client.get(page("draftmessage", draft.pk)).content.decode()
    said("I have it already")
    assert sentence in admin_client.get(page("draftmessage", draft.pk)).content.decode()


def test_a_draft_that_was_sent_is_shown_with_its_times(admin_client: Client, toy: Channel) -> None:
    draft = DraftMessage.objects.create(channel=toy, chat_id="room", text="x")
    DraftAttachment.objects.create(draft=draft, file=ContentFile(b"x", name="a.txt"))
    late = timedelta(seconds=3)
    DraftMessage.objects.filter(pk=draft.pk).update(status="sent", sent_at=timezone.now(), late_by=late)
    content = admin_client.get(page("draftmessage", draft.pk)).content.decode()
    assert "0:00:03" in content
    assert "a.txt" in content
