"""Show pages with the component, and do what a bot or an operator would."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth import get_user_model, login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import RequestContext, Template
from django.views.decorators.csrf import csrf_exempt

from tests.component.site.settings import VAR
from unicom import live
from unicom.models import Channel, Chat, Message
from unicom.platforms.webchat.typing import note_typing

PAGE = """{% load unicom_webchat static %}<!DOCTYPE html>
<html lang="{{ lang }}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Shop</title>
<link rel="icon" href="{% static 'unicom/webchat/icon.svg' %}"><link rel="stylesheet" href="/page.css"></head>
<body><main>{{ component }}</main></body></html>"""
COMPONENT = "{% load unicom_webchat %}{% webchat_component "


def page(request: HttpRequest) -> HttpResponse:
    """Show the component; the query's parameters are the tag's keywords."""
    given = {key: value for key, value in request.GET.items() if key not in ("lang", "chat_id", "page_lang")}
    keywords = {"height": "90vh", **given}
    values = {f"value_{number}": value for number, value in enumerate(keywords.values())}
    arguments = " ".join(f"{key}=value_{number}" for number, key in enumerate(keywords))
    if keywords.get("sidebar") == "no":
        arguments = arguments.replace(f"sidebar=value_{list(keywords).index('sidebar')}", "sidebar=False")
    lang = request.GET.get("lang", "en")
    component = Template(f"{COMPONENT}{arguments} lang=lang %}}").render(
        RequestContext(request, {**values, "lang": lang})
    )
    return HttpResponse(Template(PAGE).render(RequestContext(request, {"component": component, "lang": lang})))


def style(request: HttpRequest) -> HttpResponse:
    """Give the pages' own style."""
    return HttpResponse("body { margin: 0 }", content_type="text/css")


def raw(request: HttpRequest) -> HttpResponse:
    """Show a page exactly as a test wrote it."""
    response = HttpResponse(Template(request.GET["html"]).render(RequestContext(request, {})))
    if request.GET.get("policy") == "any":
        response["Content-Security-Policy"] = "default-src * data: 'unsafe-inline'"
    return response


def empty(request: HttpRequest) -> HttpResponse:
    """Show a page with an empty Lit element, or with bare paragraphs; the benchmark's measure."""
    number = int(request.GET.get("paragraphs", 0))
    lines = "".join(f"<p>Paragraph {n} of a <b>long</b> conversation.</p>" for n in range(number))
    return HttpResponse(
        '<!DOCTYPE html><html lang="en"><title>Empty</title><link rel="stylesheet" href="/page.css">'
        f'<script type="module" src="/built/empty.js"></script><empty-element></empty-element>{lines}'
    )


def empty_script(request: HttpRequest) -> HttpResponse:
    """Give the script of the empty element, which the benchmark has built."""
    return HttpResponse((VAR / "built" / "empty.js").read_text(), content_type="text/javascript")


def log_in(request: HttpRequest) -> HttpResponse:
    """Log a user in, as a site's log-in form would."""
    user, _ = get_user_model().objects.get_or_create(username="maya")
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return HttpResponse("Welcome, Maya.")


@csrf_exempt
def control(request: HttpRequest, action: str) -> HttpResponse:
    """Do what is asked for; only tests can reach this site."""
    data: dict[str, Any] = json.loads(request.body or b"{}")
    if action == "embed":
        return JsonResponse(_embed(data))
    chat = Chat.objects.get(pk=data["chat_id"]) if data.get("chat_id") else Chat.objects.latest("last_message_at")
    return JsonResponse(ACTIONS[action](chat, data) or {})


def _embed(data: dict[str, Any]) -> dict[str, Any]:
    """Open a web chat for pages of another site."""
    config = {"ALLOWED_ORIGINS": data["origins"], "IDENTITY_SECRET": data["secret"]}
    return {"id": Channel.objects.create(name="Elsewhere", platform="WebChat", config=config).pk}


def _say(chat: Chat, data: dict[str, Any]) -> dict[str, Any]:
    ids = []
    for number in range(data.get("times", 1)):
        message = {key: value for key, value in data.items() if key in ("text", "html", "file_path", "buttons")}
        ids.append(chat.send_message({**message, "text": data.get("text", "").replace("{n}", str(number))}).pk)
    return {"ids": ids, "chat_id": chat.pk}


def _grow(chat: Chat, data: dict[str, Any]) -> dict[str, Any]:
    """Let an answer be written piece by piece, as a running model does."""
    message = Message.objects.get(pk=data["id"]) if data.get("id") else chat.send_message({"text": data["text"]})
    message.refresh_from_db()
    message.text = data["text"]
    message.raw = {**(message.raw or {}), "is_streaming": bool(data.get("running"))}
    message.save(update_fields=["text", "raw"])
    live.message_changed(message, "text", "raw")
    return {"id": message.pk}


def _change(chat: Chat, data: dict[str, Any]) -> None:
    """Edit a message, or without a text take it back."""
    message = Message.objects.get(pk=data["id"])
    if data.get("text"):
        message.edit_original_message({"text": data["text"]})
    else:
        message.delete_original_message()


def _tool(chat: Chat, data: dict[str, Any]) -> dict[str, Any]:
    """Leave a line about a tool at work."""
    message = chat.send_message({"text": data["text"]})
    Message.objects.filter(pk=message.pk).update(
        is_outgoing=None,
        media_type="tool_call",
        raw={"tool_call": {"id": "c1", "name": "x", "arguments": {}}, "progress_updates_for_user": data["text"],
             "result_status": data.get("status")},
    )  # fmt: skip
    message.refresh_from_db()
    live.message_changed(message, "raw", "media_type")
    return {"id": message.pk}


def _type(chat: Chat, data: dict[str, Any]) -> None:
    note_typing(chat.pk, sender_name="Ada", is_outgoing=True)


def _read(chat: Chat, data: dict[str, Any]) -> None:
    """Let somebody of the shop's have read everything."""
    Chat.objects.filter(pk=chat.pk).update(read_seq=chat.last_seq)
    newest = Message.objects.get(chat=chat, seq=chat.last_seq)
    live.read(chat, message_id=newest.pk, name="Ada", is_outgoing=True)


def _count(chat: Chat, data: dict[str, Any]) -> dict[str, Any]:
    """Tell what is stored."""
    shown = Message.objects.filter(chat=chat, deleted_at=None)
    return {"texts": list(shown.order_by("seq").values_list("text", flat=True))}


def _metadata(chat: Chat, data: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": chat.metadata, "id": chat.pk, "archived": chat.is_archived, "name": chat.name}


def _delete(chat: Chat, data: dict[str, Any]) -> None:
    chat.delete()


ACTIONS = {
    "say": _say,
    "grow": _grow,
    "change": _change,
    "tool": _tool,
    "type": _type,
    "read": _read,
    "count": _count,
    "chat": _metadata,
    "delete": _delete,
}
