"""Fill templates in: every value checked against the definition WhatsApp has approved, every problem named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from unicom.errors import UnsupportedFeature
from unicom.platforms.whatsapp import files
from unicom.types import Button, OutboundMessage, Part, TemplateDefinition

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
_KEYS = frozenset({"name", "language", "parameters", "header", "buttons", "components"})
MEDIA = {"IMAGE": "image", "VIDEO": "video", "DOCUMENT": "document"}
SENDABLE = ("approved", "active")
LONGEST = 1024


def read(given: Any) -> list[TemplateDefinition]:
    """Read the templates of an answer of the API; what is no template is passed by."""
    found = []
    for item in given if isinstance(given, list) else []:
        if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
            continue
        quality = item.get("quality_score")
        components = item.get("components")
        found.append(
            TemplateDefinition(
                name=item["name"],
                language=str(item.get("language") or ""),
                category=str(item.get("category") or "").lower(),
                status=str(item.get("status") or "").lower(),
                quality=str(quality.get("score") or "").lower() if isinstance(quality, Mapping) else "",
                external_id=str(item.get("id") or ""),
                parameter_format="named" if str(item.get("parameter_format")).upper() == "NAMED" else "positional",
                components=tuple(dict(part) for part in components or [] if isinstance(part, Mapping))
                if isinstance(components, list)
                else (),
            )
        )
    return found


@dataclass(kw_only=True, slots=True)
class Filled:
    """Be a template with its values: what the API takes, and what people will read."""

    components: list[dict[str, Any]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Return what people will read."""
        return "\n\n".join(line for line in self.lines if line)


def fill(message: OutboundMessage) -> Filled:
    """Fill a message's template in; raises UnsupportedFeature that names every problem."""
    definition = message.template
    assert definition is not None  # noqa: S101  whoever calls has looked
    given = message.options.get("template") or {}
    problems: dict[str, str] = {
        f"template.{key}": f"not a key of a template; it has {', '.join(sorted(_KEYS))}"
        for key in sorted(set(given) - _KEYS)
    }
    if definition.status not in SENDABLE:
        why = definition.status.replace("_", " ") or "not known to be approved"
        problems["template"] = f"{definition.name!r} in {definition.language} cannot be sent: it is {why}"
    if message.text.strip():
        problems["text"] = "a template has a text of its own; give its values under template.parameters"
    filled = Filled()
    if isinstance(given.get("components"), list):
        filled.components = [dict(part) for part in given["components"] if isinstance(part, Mapping)]
        filled.lines = [str(part.get("text", "")) for part in definition.components if part.get("type") == "BODY"]
    else:
        _Filling(definition, given, message, problems, filled).run()
    if problems:
        raise UnsupportedFeature(problems)
    return filled


def part(message: OutboundMessage) -> Part:
    """Return the call that sends the template."""
    definition = message.template
    assert definition is not None  # noqa: S101  whoever calls has looked
    filled = fill(message)
    made: dict[str, Any] = {"name": definition.name, "language": {"code": definition.language}}
    if filled.components:
        made["components"] = filled.components
    return Part(options={"template": made}, file=message.files[0] if message.files else None, buttons=message.buttons)


def with_header(template: Mapping[str, Any], uploaded: tuple[str, dict[str, Any]] | None) -> dict[str, Any]:
    """Return the template with the uploaded file in its header."""
    if uploaded is None:
        return dict(template)
    kind, named = uploaded
    named = {key: value for key, value in named.items() if key != "voice"}
    header = {"type": "header", "parameters": [{"type": kind, kind: named}]}
    return {**template, "components": [header, *template.get("components", [])]}


class _Filling:
    """Fill one template in, part by part."""

    def __init__(
        self,
        definition: TemplateDefinition,
        given: Mapping[str, Any],
        message: OutboundMessage,
        problems: dict[str, str],
        filled: Filled,
    ) -> None:
        self.definition, self.given, self.message = definition, given, message
        self.problems, self.filled = problems, filled
        self.values = given.get("parameters")
        self.used: set[str] = set()

    def run(self) -> None:
        if self.values is not None and not isinstance(self.values, list | tuple | Mapping):
            self.problems["template.parameters"] = "a list of values, or an object of named ones, is needed"
            self.values = None
        parts = {str(part.get("type", "")).upper(): part for part in self.definition.components}
        self._header(parts.get("HEADER", {}))
        self._body(parts.get("BODY", {}))
        if "FOOTER" in parts:
            self.filled.lines.append(str(parts["FOOTER"].get("text", "")))
        self._buttons(parts.get("BUTTONS", {}))
        self._left_over()

    def _header(self, header: Mapping[str, Any]) -> None:
        kind = str(header.get("format", "")).upper()
        given = self.given.get("header")
        if kind in MEDIA:
            self._media_header(MEDIA[kind], given)
        elif kind == "LOCATION":
            if not isinstance(given, Mapping) or not {"latitude", "longitude"} <= set(given):
                self.problems["template.header"] = "a place is needed: {latitude, longitude, name, address}"
            else:
                self._add("header", [{"type": "location", "location": dict(given)}])
        else:
            text = str(header.get("text", ""))
            names = _VARIABLE.findall(text)
            if given is not None and not names:
                self.problems["template.header"] = "the template's header takes no value"
            if self.message.files:
                self.problems["file_path"] = "the template's header takes no file"
            values = given if isinstance(given, list | tuple) else [given] if given is not None else self.values
            values = values if names else []
            if given is not None or isinstance(values, Mapping) or not names:
                self._text("header", text, names, values, "template.header")
            else:
                self.problems["template.header"] = f"required: a value for {{{{{names[0]}}}}}"

    def _media_header(self, kind: str, given: Any) -> None:
        if self.message.files:
            sent_as = files.kind_of(self.message.files[0])
            if len(self.message.files) > 1:
                self.problems["attachments"] = "a template's header takes one file"
            elif sent_as != kind:
                self.problems["file_path"] = f"the template's header takes {_article(kind)}, not {_article(sent_as)}"
        elif isinstance(given, str) and given.startswith(("https://", "http://")):
            self._add("header", [{"type": kind, kind: {"link": given}}])
        elif isinstance(given, str) and given:
            self._add("header", [{"type": kind, kind: {"id": given}}])
        else:
            self.problems["template.header"] = f"{_article(kind)} is needed: give file_path, a link, or a media id"

    def _body(self, body: Mapping[str, Any]) -> None:
        text = str(body.get("text", ""))
        self._text("body", text, _VARIABLE.findall(text), self.values, "template.parameters")

    def _text(self, place: str, text: str, names: list[str], values: Any, key: str) -> None:
        names = list(dict.fromkeys(names))
        found = self._named(names, values, key) if isinstance(values, Mapping) else self._in_order(names, values, key)
        said: dict[str, str] = {}
        for name, value in found.items():
            if sentence := _problem(value):
                self.problems[f"{key}.{name}"] = sentence
            else:
                said[name] = str(value)
        if len(said) == len(names):
            if names:
                named = self.definition.parameter_format == "named"
                self._add(
                    place,
                    [
                        {"type": "text", **({"parameter_name": name} if named else {}), "text": said[name]}
                        for name in names
                    ],
                )
            self.filled.lines.append(_VARIABLE.sub(lambda match: said[match[1]], text))

    def _named(self, names: list[str], values: Mapping[Any, Any], key: str) -> dict[str, Any]:
        given = {str(name): value for name, value in values.items()}
        self.used |= set(names)
        for name in names:
            if name not in given:
                self.problems[f"template.parameters.{name}"] = "required"
        return {name: given[name] for name in names if name in given}

    def _in_order(self, names: list[str], values: Any, key: str) -> dict[str, Any]:
        given = list(values or [])
        if len(given) != len(names):
            wanted = ", ".join(f"{{{{{name}}}}}" for name in names) or "none"
            self.problems[key] = f"{len(given)} given, {len(names)} needed: {wanted}"
            return {}
        return dict(zip(names, given, strict=True))

    def _buttons(self, part: Mapping[str, Any]) -> None:
        shown = [item for item in part.get("buttons") or [] if isinstance(item, Mapping)]
        given = self.given.get("buttons") or {}
        if isinstance(given, list | tuple):
            given = dict(enumerate(given))
        if not isinstance(given, Mapping):
            self.problems["template.buttons"] = "values by the button's text, or by its number from 0, are needed"
            given = {}
        values = {str(name): value for name, value in given.items()}
        tokens = {button.text: button for row in self.message.buttons for button in row}
        for index, item in enumerate(shown):
            self._button(index, item, values, tokens)
        for name in sorted(values):
            self.problems[f"template.buttons.{name}"] = "the template has no such button that takes a value"
        for text in sorted(tokens):
            self.problems[f"buttons.{text}"] = "the template has no quick reply of this text"

    def _button(self, index: int, item: Mapping[str, Any], values: dict[str, Any], tokens: dict[str, Button]) -> None:
        kind, text = str(item.get("type", "")).upper(), str(item.get("text", ""))
        where = f"template.buttons.{text or index}"
        value = values.pop(text, values.pop(str(index), None))
        if kind == "QUICK_REPLY":
            button = tokens.pop(text, None)
            value = button.token if button is not None and button.token else value
            if value is not None:
                self._add_button(index, "quick_reply", {"type": "payload", "payload": str(value)})
        elif kind == "URL" and _VARIABLE.search(str(item.get("url", ""))):
            if value is None or _problem(value):
                self.problems[where] = "required: what the address ends in" if value is None else _problem(value)
            else:
                self._add_button(index, "url", {"type": "text", "text": str(value)})
        elif kind in ("COPY_CODE", "OTP"):
            if value is None or _problem(value):
                self.problems[where] = "required: the code that is copied"
            elif kind == "OTP":
                self._add_button(index, "url", {"type": "text", "text": str(value)})
            else:
                self._add_button(index, "copy_code", {"type": "coupon_code", "coupon_code": str(value)})
        elif kind == "FLOW":
            action = {"type": "action", "action": value if isinstance(value, Mapping) else {}}
            self._add_button(index, "flow", action)
        elif value is not None:
            self.problems[where] = "this button takes no value"

    def _left_over(self) -> None:
        if isinstance(self.values, Mapping):
            for name in sorted({str(name) for name in self.values} - self.used):
                self.problems[f"template.parameters.{name}"] = "the template has no such value"

    def _add(self, place: str, parameters: list[dict[str, Any]]) -> None:
        self.filled.components.append({"type": place, "parameters": parameters})

    def _add_button(self, index: int, kind: str, parameter: dict[str, Any]) -> None:
        self.filled.components.append(
            {"type": "button", "sub_type": kind, "index": str(index), "parameters": [parameter]}
        )


def _problem(value: Any) -> str:
    if isinstance(value, bool) or value is None or isinstance(value, Mapping | list | tuple):
        return f"a text or a number is needed, not {value!r}"
    text = str(value)
    if not text.strip():
        return "must not be empty"
    if "\n" in text or "\t" in text or " " * 5 in text:
        return "WhatsApp takes no line break, tab or more than four spaces in a row here"
    return f"{len(text):,} characters; at most {LONGEST:,}" if len(text) > LONGEST else ""


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
