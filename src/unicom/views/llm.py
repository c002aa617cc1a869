"""Serve what staff's pages ask of language models: a conversation as a model reads it, and a template filled in."""

from __future__ import annotations

import json

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_GET, require_POST

from unicom import access
from unicom.cleaning import is_clean
from unicom.errors import ModelError
from unicom.models import Message, MessageTemplate
from unicom.views.staff import refused, staff_only


@require_GET
@staff_only("unicom.view_message", "unicom.change_message")
def message_as_llm_chat(request: HttpRequest, message_id: str) -> JsonResponse:
    """Return the conversation up to a message as a model reads it."""
    rows = access.visible(Message.objects.select_related("chat"), request.user)
    message = rows.filter(pk=message_id).first() if is_clean(message_id) else None
    if message is None:
        return refused(404, "There is no such message.")
    mode, given = request.GET.get("mode", "chat"), request.GET.get("depth", "129")
    if not (given.isascii() and given.isdigit() and 1 <= int(given) <= 1000):
        return refused(400, f"depth: {given[:20]!r} is not a number from 1 to 1000.")
    try:
        data = message.as_llm_chat(depth=int(given), mode=mode)
    except ValueError as error:
        return refused(400, f"{error}.")
    answer = {"success": True, "mode": mode, "depth": int(given), "message_count": len(data), "data": data}
    return JsonResponse(answer)


@require_POST
@csrf_protect
@staff_only("unicom.view_messagetemplate", "unicom.change_messagetemplate")
def populate_message_template(request: HttpRequest) -> JsonResponse:
    """Return a template's HTML as a model has filled it in."""
    try:
        data = json.loads(request.body) if request.content_type == "application/json" else request.POST.dict()
    except ValueError:
        return refused(400, "The body is no JSON.")
    if not isinstance(data, dict):
        return refused(400, "An object is needed.")
    prompt, model = data.get("html_prompt"), data.get("model") or None
    if not isinstance(prompt, str) or not prompt.strip():
        return refused(400, "html_prompt: required.")
    if model is not None and not isinstance(model, str):
        return refused(400, "model: a name is needed.")
    pk = str(data.get("template_id", ""))
    known = pk.isascii() and pk.isdigit() and len(pk) < 19
    template = access.visible(MessageTemplate.objects.all(), request.user).filter(pk=pk).first() if known else None
    if template is None:
        return refused(404, "There is no such template.")
    try:
        return JsonResponse({"html": template.populate(prompt, model=model)})
    except ModelError as error:
        return refused(502, f"The model gave no answer: {error.reason}")
