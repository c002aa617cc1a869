"""Keep the images of templates: stored once, named by an address nobody can guess, and put back in where needed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
from typing import Any

from django.urls import NoReverseMatch, reverse

from unicom.conf import settings
from unicom.media import INLINE_TYPES, chat_storage, detect, kind_of, store
from unicom.models import Channel, MessageTemplate, TemplateInlineImage
from unicom.platforms import adapter_class

_DATA = re.compile(r"""(\bsrc\s*=\s*)(["'])data:(image/[\w.+-]+);base64,([^"']+)\2""", re.IGNORECASE)
_ADDRESS = re.compile(r"""(\bsrc\s*=\s*)(["'])([^"'\s]*/([0-9a-f]{32})/)\2""", re.IGNORECASE)
MOST_BYTES = 20 * 1024 * 1024


def address(image_id: str) -> str:
    """Return where an image is shown, whole where the project has a public origin; nothing without our urls."""
    try:
        return settings.DJANGO_PUBLIC_ORIGIN + reverse("template_inline_image", args=[image_id])
    except NoReverseMatch:
        return ""


def keep(row: Any, template: MessageTemplate, name: str) -> None:
    """Store the images that stand in a text as data, each once, and have the text name them by address instead.

    What is no image of a kind that browsers only draw stays as it is.
    """
    source: str = getattr(row, name)
    if "data:image/" not in source.lower() or not address("0" * 32):
        return

    def stored(found: re.Match[str]) -> str:
        image = _image(template, found[4], found[3])
        return found[0] if image is None else f"{found[1]}{found[2]}{address(image.pk)}{found[2]}"

    changed = _DATA.sub(stored, source)
    if changed != source:
        setattr(row, name, changed)
        type(row)._default_manager.filter(pk=row.pk).update(**{name: changed})


def _image(template: MessageTemplate, encoded: str, declared: str) -> TemplateInlineImage | None:
    try:
        data = base64.b64decode("".join(encoded.split()), validate=True)
    except (ValueError, binascii.Error):
        return None
    content_type = detect(data[:4096], declared=declared)
    if content_type not in INLINE_TYPES or kind_of(content_type) != "image":
        return None
    digest = hashlib.sha256(data).hexdigest()
    known = TemplateInlineImage.objects.filter(template=template, content_id=digest).first()
    if known is not None:
        return known
    path = store(io.BytesIO(data), f"image.{content_type.partition('/')[2]}", content_type)[0]
    return TemplateInlineImage.objects.create(
        template=template, file=path, content_type=content_type, content_id=digest
    )


def embedded(html: str) -> str:
    """Return HTML with the images of templates in it, as data URIs; those that are gone stay as they are."""
    places = {found[4].lower(): found[3] for found in _ADDRESS.finditer(html)}
    if not places:
        return html
    data: dict[str, str] = {}
    size = 0
    for image in TemplateInlineImage.objects.filter(pk__in=list(places)[:500]):
        try:
            with chat_storage().open(str(image.file.name), "rb") as content:
                found = content.read()
        except OSError:
            continue
        size += len(found)
        if size > MOST_BYTES:
            break
        data[image.pk] = f"data:{image.content_type};base64,{base64.b64encode(found).decode()}"
    own = {pk for pk in data if places[pk].endswith(_path(pk))}

    def put_back(found: re.Match[str]) -> str:
        pk = found[4].lower()
        return f"{found[1]}{found[2]}{data[pk]}{found[2]}" if pk in own else found[0]

    return _ADDRESS.sub(put_back, html)


def _path(image_id: str) -> str:
    return reverse("template_inline_image", args=[image_id])


def content_for(template: MessageTemplate, channel: Channel) -> dict[str, str]:
    """Return the keys of a send: the template's content, its platform's variant before it, images where they are."""
    said = {"html": template.content}
    variant = template.variants.filter(platform=channel.platform).first()
    if variant is not None:
        said |= {key: value for key in ("subject", "text", "html") if (value := getattr(variant, key))}
        if variant.text and not variant.html:
            del said["html"]
    try:
        adapter = adapter_class(channel.platform)
    except LookupError:
        return said
    if not adapter.supports_addresses:
        said.pop("subject", None)
    elif "html" in said:
        # A mail takes its images along: who reads it may not be let to our site.
        said["html"] = embedded(said["html"])
    return said
