"""Templates: their definitions, and whether the values of a send fit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from unicom.testing.whatsapp.errors import Json, graph_error
from unicom.testing.whatsapp.world import Account, World

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")


def make(world: World, account: Account, name: str, language: str, components: list[Json], **more: Any) -> Json:
    """Add a template to an account."""
    named = any(not found.isdigit() for part in components for found in _VARIABLE.findall(str(part.get("text", ""))))
    template: Json = {
        "id": str(1_400_000_000_000_000 + world.number()), "name": name, "language": language, "status": "APPROVED",
        "category": "UTILITY", "parameter_format": "NAMED" if named else "POSITIONAL", "components": components,
        "quality_score": {"score": "UNKNOWN"}, **more,
    }  # fmt: skip
    account.templates.append(template)
    return template


def render(account: Account, sent: Mapping[str, Any]) -> tuple[Json, str]:
    """Return the template a send names and its text with the values in it; raises GraphError."""
    name, language = sent["name"], sent["language"]["code"]
    template = next((row for row in account.templates if (row["name"], row["language"]) == (name, language)), None)
    if template is None or template["status"] in ("REJECTED", "PENDING", "DELETED"):
        raise graph_error(132001, f"template name ({name}) does not exist in {language}")
    if template["status"] == "PAUSED":
        raise graph_error(132015, "Template is Paused due to low quality so it cannot be sent in a template message.")
    if template["status"] == "DISABLED":
        raise graph_error(132016, "Template has been paused too many times due to low quality.")
    given: dict[str, list[Any]] = {}
    for component in sent.get("components") or []:
        kind = str(component.get("type", "")).lower()
        key = f"button:{component.get('index')}" if kind == "button" else kind
        given[key] = component.get("parameters") or []
    lines = []
    for part in template["components"]:
        kind = str(part.get("type", "")).upper()
        if kind == "HEADER" and part.get("format") in ("IMAGE", "VIDEO", "DOCUMENT"):
            _media(part["format"].lower(), given.pop("header", []))
        elif kind in ("HEADER", "BODY"):
            values = given.pop(kind.lower(), [])
            lines.append(_filled(str(part.get("text", "")), values, named=template["parameter_format"] == "NAMED"))
        elif kind == "FOOTER":
            lines.append(str(part.get("text", "")))
        elif kind == "BUTTONS":
            _buttons(part.get("buttons") or [], given)
    if given:
        raise graph_error(132000, f"components that the template has not: {', '.join(sorted(given))}")
    return template, "\n\n".join(lines)


def _media(kind: str, values: list[Any]) -> None:
    if len(values) != 1 or values[0].get("type") != kind:
        raise graph_error(132012, f"header: Format mismatch, expected {kind.upper()}, received UNKNOWN")
    content = values[0].get(kind) or {}
    if bool(content.get("id")) == bool(content.get("link")):
        raise graph_error(132012, f"header: the {kind} needs either id or link")


def _filled(text: str, values: list[Any], *, named: bool) -> str:
    names = list(dict.fromkeys(_VARIABLE.findall(text)))
    if len(values) != len(names):
        raise graph_error(
            132000, f"body: number of localizable_params ({len(values)}) does not match the expected ({len(names)})"
        )
    said: dict[str, str] = {}
    for name, value in zip(names, values, strict=True):
        key = str(value.get("parameter_name", "")) if named else name
        if named and key not in names:
            raise graph_error(132012, f"body: Parameter name {key!r} is not the template's")
        word = value.get("text")
        if value.get("type") != "text" or not isinstance(word, str) or not word:
            raise graph_error(132012, "body: Parameter of type text is missing text value")
        if "\n" in word or "\t" in word or " " * 5 in word:
            raise graph_error(
                132018, "Param text cannot have new-line/tab characters or more than 4 consecutive spaces"
            )
        said[key] = word
    return _VARIABLE.sub(lambda found: said[found[1]], text)


def _buttons(buttons: list[Json], given: dict[str, list[Any]]) -> None:
    for index, button in enumerate(buttons):
        values = given.pop(f"button:{index}", None)
        needs = button["type"] == "COPY_CODE" or (button["type"] == "URL" and "{{" in str(button.get("url")))
        if needs and not values:
            raise graph_error(131008, f"buttons: Button at index {index} of type {button['type']} requires a parameter")
        if values and button["type"] == "QUICK_REPLY" and not values[0].get("payload"):
            raise graph_error(132012, f"buttons: Button at index {index} needs a payload")
