"""Write a conversation down as a model reads it: valid for every endpoint, whatever happened in which order.

The rules: what a model wrote stands after the last message it had seen, not where it arrived. Calls made at once are
one assistant message, and each has exactly one tool message, at once after it. An answer that came after something else
was said stands where it came, as a call of its own; until then the call has a placeholder. A person's words are the
content of a user message and nothing else, so they cannot pass for another role.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Prefetch, Q, QuerySet

from unicom.drafting import html_to_text
from unicom.ids import digest
from unicom.llm import parts
from unicom.models import Attachment, Chat, Message, ToolCall

DEPTH = 129
MODES = ("chat", "thread")
TOOL_TYPES = ("tool_call", "tool_response")
PENDING = {
    "status": "pending",
    "note": "There is no result yet. It will come later, as another call of this tool. Do not call again for it.",
}
_NEVER_SEEN = ("failed", "bounced", "cancelled")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
MOST_CALLS = 1_000
_LAST = 1 << 62
Wire = dict[str, Any]


@dataclass(kw_only=True)
class Unit:
    """Be what must not be torn apart: one person's message, one answer, or calls with their results."""

    messages: list[Wire]
    text: str = ""
    is_persons: bool = False
    has_calls: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Transcript:
    """Be what a model is given to read; ``upto`` is the number of the newest message in it."""

    units: list[Unit]
    upto: int


@dataclass(kw_only=True)
class _Call:
    """Be one call in a chat's log, with the responses to it."""

    row: Message
    id: str
    responses: list[Message] = field(default_factory=list)
    in_place: Message | None = None


def as_llm_chat(
    message: Message,
    *,
    depth: int = DEPTH,
    mode: str = "chat",
    system_instruction: str = "",
    multimodal: bool = True,
) -> list[Wire]:
    """Return the conversation up to a message, and the tool calls made for it, as messages of chat completions."""
    if mode not in MODES:
        raise ValueError(f"mode: {mode!r} is not one of {', '.join(MODES)}")
    found = read(message.chat, depth=depth, mode=mode, until=message, multimodal=multimodal)
    return flat(found.units, system_instruction)


def flat(found: Iterable[Unit], system_instruction: str = "") -> list[Wire]:
    """Return units as the one list of messages they are."""
    head: list[Wire] = [{"role": "system", "content": system_instruction}] if system_instruction else []
    return head + [message for unit in found for message in unit.messages]


def read(
    chat: Chat,
    *,
    depth: int = DEPTH,
    mode: str = "chat",
    until: Message | None = None,
    multimodal: bool = True,
    hears: bool = True,
) -> Transcript:
    """Return a chat's last ``depth`` messages, as they are now or as they were at ``until``; no pair is split."""
    if depth < 1:
        raise ValueError(f"depth: {depth!r} is not a number from 1 on")
    rows = _thread(until, depth) if mode == "thread" and until is not None else _window(chat, depth, until)
    rows = _whole(_told(chat) if until is None else _told(chat).filter(_by_then(until)), rows)
    rows.sort(key=_order(rows))
    written = list(_Writing(chat, rows, multimodal=multimodal, hears=hears).units())
    return Transcript(units=written, upto=max((row.seq or 0 for row in rows), default=0))


# Which rows


def _told(chat: Chat) -> QuerySet[Message]:
    files = Prefetch("attachments", Attachment.objects.filter(state=Attachment.State.STORED))
    shown = Message.objects.filter(chat=chat, deleted_at=None).exclude(is_outgoing=True, status__in=_NEVER_SEEN)
    return shown.select_related("sender", "reply_to_message").prefetch_related(files)


def _window(chat: Chat, depth: int, until: Message | None) -> list[Message]:
    told = _told(chat)
    if until is not None:
        told = told.filter(_by_then(until))
    stored = told.filter(seq__isnull=False).order_by("-seq")
    rows = list(stored.exclude(media_type__in=TOOL_TYPES)[:depth])
    # Calls do not count: what led to the latest answer must not push out what was asked.
    calls = stored.filter(media_type__in=TOOL_TYPES, seq__gte=rows[-1].seq if len(rows) == depth else 0)
    rows += calls[:MOST_CALLS]
    # What is on its way was said, too, though nobody has taken it yet.
    return rows + list(told.filter(seq=None, is_outgoing=True).order_by("-id")[:depth])


def _by_then(until: Message) -> Q:
    """Return what was there when ``until`` was the newest, with the calls that were made for it."""
    seq = until.seq if until.seq is not None else _LAST
    of_it = Q(media_type__in=TOOL_TYPES, reply_to_message=until)
    answers = Q(media_type="tool_response", reply_to_message__reply_to_message=until)
    return Q(pk=until.pk) | Q(seq__lte=seq) | Q(raw__llm__upto__lt=seq) | of_it | answers


def _thread(until: Message, depth: int) -> list[Message]:
    """Return what a message answers, what that answers and so on, with the calls made for each."""
    told = _told(until.chat)
    chain: dict[str, Message] = {}
    pk: str | None = until.pk
    while pk is not None and pk not in chain and len(chain) < depth:
        row = told.filter(pk=pk).first()
        if row is None:
            break
        chain[pk], pk = row, row.reply_to_message_id
    tools = Q(media_type__in=TOOL_TYPES, reply_to_message__in=chain)
    answers = Q(media_type="tool_response", reply_to_message__reply_to_message__in=chain)
    made = told.filter(tools | answers).exclude(pk__in=chain).order_by("-seq")[:depth]
    return [*chain.values(), *made]


def _whole(told: QuerySet[Message], rows: list[Message]) -> list[Message]:
    """Return the rows with the calls whose responses are among them, and the calls made together with those."""
    here = {row.pk for row in rows}
    calls = {_call_of(row).get("id") for row in rows if row.media_type == "tool_call"}
    orphans = [
        row for row in rows if row.media_type == "tool_response" and _response_of(row).get("call_id") not in calls
    ]
    answered = {row.reply_to_message_id for row in orphans} | set(
        ToolCall.objects.filter(call_id__in=[str(_response_of(row).get("call_id")) for row in orphans]).values_list(
            "call_message_id", flat=True
        )
        if orphans
        else ()
    )
    missing = list(told.filter(pk__in=answered - here - {None}, media_type="tool_call")) if orphans else []
    rows = rows + missing
    edges = [row for row in rows if row.media_type == "tool_call" and _llm(row).get("batch") and row.seq is not None]
    if not edges:
        return rows
    # What was called at once was logged at once, within a few numbers.
    first = min(edges, key=lambda row: row.seq or 0)
    batches = {_llm(row)["batch"] for row in [first, *missing] if _llm(row).get("batch")}
    here = {row.pk for row in rows}
    near = Q()
    for row in {first, *missing}:
        near |= Q(seq__range=((row.seq or 0) - 150, (row.seq or 0) + 150))
    near_by = told.filter(near, media_type="tool_call").exclude(pk__in=here)
    mates = [row for row in near_by if _llm(row).get("batch") in batches]
    here |= {row.pk for row in mates}
    # Whether these were answered is part of what they are.
    answers = told.filter(media_type="tool_response", reply_to_message__in=[*missing, *mates]).exclude(pk__in=here)
    return [*rows, *mates, *answers]


def _order(rows: Iterable[Message]) -> Any:
    """Return the key that sorts rows as a model has seen them."""
    asked = [row.seq for row in rows if row.is_outgoing is False and row.seq is not None]
    newest = max(asked, default=0)

    def key(row: Message) -> tuple[float, int, float, str]:
        upto = _llm(row).get("upto")
        # Within one turn what came first stands first, though the answer itself may not be delivered yet.
        own = float(row.seq if row.seq is not None else _LAST)
        if isinstance(upto, int):
            return (upto, 1, own, row.pk)
        if row.seq is not None:
            return (row.seq, 0, own, row.pk)
        answered = row.reply_to_message.seq if row.reply_to_message else None
        return (answered, 1, own, row.pk) if answered is not None else (newest - 0.5, 0, own, row.pk)

    return key


def _llm(row: Message) -> Mapping[str, Any]:
    found = row.raw.get("llm") if isinstance(row.raw, dict) else None
    return found if isinstance(found, dict) else {}


def _call_of(row: Message) -> Mapping[str, Any]:
    found = row.raw.get("tool_call") if isinstance(row.raw, dict) else None
    return found if isinstance(found, dict) else {}


def _response_of(row: Message) -> Mapping[str, Any]:
    found = row.raw.get("tool_response") if isinstance(row.raw, dict) else None
    return found if isinstance(found, dict) else {}


# How they are written


class _Writing:
    """Write sorted rows down as units."""

    def __init__(self, chat: Chat, rows: list[Message], *, multimodal: bool, hears: bool) -> None:
        self.chat = chat
        self.hears = hears
        self.rows = rows
        self.used: set[str] = set()
        self.calls = self._paired()
        with_files = [row for row in rows if row.is_outgoing is False and _has_file(row)]
        self.with_media = {row.pk for row in with_files[-parts.MOST :]} if multimodal else set()

    def _paired(self) -> dict[str, _Call]:
        """Match responses with calls: the latest call before them of their id."""
        by_id: dict[str, list[_Call]] = {}
        found: dict[str, _Call] = {}
        for row in self.rows:
            if row.media_type == "tool_call":
                call = _Call(row=row, id=str(_call_of(row).get("id")))
                by_id.setdefault(call.id, []).append(call)
                found[row.pk] = call
        spoken = [(at, _llm(row).get("batch")) for at, row in enumerate(self.rows) if row.media_type not in TOOL_TYPES]
        positions = {row.pk: at for at, row in enumerate(self.rows)}
        for row in self.rows:
            if row.media_type != "tool_response":
                continue
            known = by_id.get(str(_response_of(row).get("call_id")), [])
            before = [call for call in known if (call.row.seq or 0) <= (row.seq or _LAST)]
            if not before:
                continue
            call = before[-1]
            call.responses.append(row)
            own = _llm(call.row).get("batch")
            began, came = positions[call.row.pk], positions[row.pk]
            # Once somebody has said something, an answer in the call's place would be news that stands before it.
            gone_on = any(began < at < came and (batch is None or batch != own) for at, batch in spoken)
            if call.in_place is None and len(call.responses) == 1 and not gone_on:
                call.in_place = row
        return found

    def units(self) -> Iterator[Unit]:
        """Give the units in order."""
        written: set[str] = set()
        together: dict[str, list[Message]] = {}
        for row in self.rows:
            if batch := _llm(row).get("batch"):
                together.setdefault(batch, []).append(row)
        for row in self.rows:
            if row.pk in written:
                continue
            batch = _llm(row).get("batch")
            mates = together.get(batch, [row]) if batch else [row]
            if row.media_type == "tool_call" or any(mate.media_type == "tool_call" for mate in mates):
                written |= {mate.pk for mate in mates}
                yield self._calling(mates)
            elif row.media_type == "tool_response":
                unit = self._late(row)
                if unit is not None:
                    yield unit
            elif row.is_outgoing is False:
                yield self._persons(row)
            elif row.is_outgoing or _words(row):
                yield self._ours(row)

    def _calling(self, mates: list[Message]) -> Unit:
        said = "\n\n".join(_words(row) for row in mates if row.media_type != "tool_call" and _words(row))
        made, answers = [], []
        for row in mates:
            if row.media_type != "tool_call":
                continue
            call = self.calls[row.pk]
            wire_id = self._id(call.id)
            logged = _call_of(row)
            made.append(_function(wire_id, logged.get("name"), logged.get("arguments")))
            result = PENDING if call.in_place is None else _response_of(call.in_place).get("result")
            answers.append({"role": "tool", "tool_call_id": wire_id, "content": dumped(result)})
        first: Wire = {"role": "assistant", "content": said or None, "tool_calls": made}
        return Unit(messages=[first, *answers], text=said, has_calls=True)

    def _late(self, row: Message) -> Unit | None:
        call = next((call for call in self.calls.values() if row in call.responses), None)
        if call is None or call.in_place is row:
            return None  # its call is gone, or has it beside it
        logged, response = _call_of(call.row), _response_of(row)
        wire_id = self._id(call.id)
        content = dumped({"result_of_the_earlier_call": logged.get("arguments"), "result": response.get("result")})
        return Unit(
            messages=[
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [_function(wire_id, logged.get("name"), logged.get("arguments"))],
                },
                {"role": "tool", "tool_call_id": wire_id, "content": content},
            ],
            has_calls=True,
        )

    def _persons(self, row: Message) -> Unit:
        words = _words(row)
        subject = _CONTROL.sub("", row.subject).replace("\n", " ").strip()
        if subject:
            words = f"Subject: {subject}\n\n{words}"
        content: Any = words
        if _has_file(row):
            content = parts.content(row, words, with_media=row.pk in self.with_media, hears=self.hears)
        message: Wire = {"role": "user", "content": content or f"[{row.media_type}]"}
        if self.chat.is_group and (name := re.sub(r"[^a-zA-Z0-9_-]+", "_", row.sender_name).strip("_")[:64]):
            message["name"] = name
        return Unit(messages=[message], text=words, is_persons=True)

    def _ours(self, row: Message) -> Unit:
        words = _words(row)
        if _has_file(row):
            words = str(parts.content(row, words, with_media=False))
        words = words or f"[{row.media_type}]"
        return Unit(messages=[{"role": "assistant", "content": words}], text=words)

    def _id(self, wanted: str) -> str:
        """Return an id no other call of this transcript has, in letters every endpoint takes."""
        found, number = wanted, 0
        while found in self.used or not re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", found):
            number += 1
            found = f"call_{digest(f'{wanted}:{number}', 24)}"
        self.used.add(found)
        return found


def _function(wire_id: str, name: Any, arguments: Any) -> Wire:
    clean_name = re.sub(r"[^a-zA-Z0-9_-]", "_", str(name or ""))[:64] or "tool"
    arguments = arguments if isinstance(arguments, Mapping) else {}
    return {"id": wire_id, "type": "function", "function": {"name": clean_name, "arguments": dumped(arguments)}}


def dumped(value: Any) -> str:
    """Return a value as JSON, for a tool message."""
    return json.dumps(value, ensure_ascii=False)


def _words(row: Message) -> str:
    return _CONTROL.sub("", row.text or (html_to_text(row.html) if row.html else ""))


def _has_file(row: Message) -> bool:
    return bool(row.media) or bool(row.attachments.all())
