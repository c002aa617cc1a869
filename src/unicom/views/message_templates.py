"""List templates for whoever composes, and show their images."""

from __future__ import annotations

from django.db.models import Q
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.http import require_GET, require_safe

from unicom import access
from unicom.models import MessageTemplate, TemplateInlineImage, TemplateVariant
from unicom.views.staff import refused, staff_only


@require_GET
@staff_only("unicom.view_messagetemplate")
def message_templates(request: HttpRequest) -> JsonResponse:
    """Return the templates, with ``?channel_id=`` those for that channel, as they read on its platform."""
    rows = access.visible(MessageTemplate.objects.all(), request.user)
    variants: dict[int, TemplateVariant] = {}
    asked = request.GET.get("channel_id", "")
    if asked:
        if not (asked.isascii() and asked.isdigit() and len(asked) < 19):
            return refused(400, f"channel_id: {asked[:40]!r} is not a number.")
        platform = access.access_channels(request.user).filter(pk=asked).values_list("platform", flat=True).first()
        if platform is None:
            return refused(404, f"channel_id: there is no channel {asked}.")
        rows = rows.filter(Q(channels=asked) | Q(channels=None)).distinct()
        variants = {
            variant.template_id: variant
            for variant in TemplateVariant.objects.filter(platform=platform, template__in=rows.values("pk").order_by())
        }
    found = []
    for row in rows:
        variant = variants.get(row.pk)
        content = (variant.html or variant.text if variant else "") or row.content
        item = {"id": row.pk, "title": row.title, "description": row.description, "content": content}
        found.append({**item, "category": row.category, "subject": variant.subject if variant else ""})
    response = JsonResponse(found, safe=False)
    response["Cache-Control"] = "private, no-store"
    return response


@require_safe
def template_inline_image(request: HttpRequest, image_id: str) -> HttpResponseBase:
    """Show an image of a template to whoever has its address: people who were sent it have no account here."""
    image = TemplateInlineImage.objects.filter(pk=image_id).first()
    if image is None:
        raise Http404
    try:
        content = image.file.storage.open(str(image.file.name), "rb")
    except OSError:
        raise Http404 from None
    response = FileResponse(content, content_type=image.content_type)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "public, max-age=31536000, immutable"
    return response
