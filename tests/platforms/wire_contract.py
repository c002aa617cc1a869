"""Hold an adapter to what it promises by itself: events, config, secrets, parts. No database, no pipeline."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any

import pytest
from django.utils.datastructures import CaseInsensitiveMapping
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.platforms.subject import Subject
from unicom.cleaning import clean
from unicom.errors import AnomalousPayload, AuthenticationFailed, DeliveryError, InvalidConfig, InvalidMessage
from unicom.platforms import adapter_class, names
from unicom.platforms.base import Adapter
from unicom.types import Button, DeliveryResult, InboundEvent, OutboundMessage, OutgoingFile, Part

TRAPS: list[Any] = [
    b"", [], {}, "x", "", None, True, 0, -1, 3.5, float("nan"), float("inf"), 10**40, [None], [[]], ["x"], {"": None},
    {"message": {}}, {"message": 3}, {"message": None}, {"message": []}, {"update_id": 1}, {"entry": {}}, {"events": 1},
    {"id": {"id": {}}, "chat": [], "sender": {}, "text": 1},
]  # fmt: skip
TEXTS = ["word " * 4000, "ü" * 9000, "👩‍👩‍👧‍👦" * 3000, "line\n" * 5000, "x" * 20_000, "a\n\n" + "b" * 8191 + "\n c"]
# One method runs for every platform's class, with fixtures that hold for all of its examples.
inherited = settings(
    max_examples=200,
    suppress_health_check=[
        HealthCheck.differing_executors, HealthCheck.function_scoped_fixture, HealthCheck.too_slow,
    ],
)  # fmt: skip


def as_json(event: Any) -> Any:
    """Return an event as the fixtures write it: what is at its default and ``raw`` are left out."""
    if isinstance(event, InboundEvent):
        return {"event": type(event).__name__, **_plain(event)}
    return _plain(event)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        kept = ((item.name, getattr(value, item.name)) for item in fields(value) if item.name != "raw")
        return {name: _plain(part) for name, part in kept if part or (part is False and name == "reachable")}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, io.BytesIO):
        return value.getvalue().hex()  # a file whose content came along
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


@cache
def json_values(keys: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """Return any JSON, with a liking for the platform's own keys."""
    names = st.sampled_from(keys) | st.text(max_size=6) if keys else st.text(max_size=6)
    numbers = st.integers() | st.integers(min_value=10**39, max_value=10**40) | st.floats()
    return st.recursive(
        st.none() | st.booleans() | numbers | st.text(max_size=12) | st.just("\x00"),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6),
        max_leaves=10,
    )


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in steps:
        yield (*at, key)
        yield from _places(item, (*at, key))


class WireContract(Subject):
    """Check the adapter by itself."""

    # Coming in

    def test_every_fixture_gives_the_expected_events(self, adapter: Adapter, django_db_blocker: Any) -> None:
        found, expected = {}, {}
        with django_db_blocker.block():
            for name, payload in self.payloads().items():
                assert self.fixtures is not None
                expected[name] = json.loads((self.fixtures / f"{name}.expected.json").read_text())
                found[name] = [as_json(event) for item in adapter.items(payload) for event in adapter.parse(item)]
        assert found == expected, json.dumps(found, indent=2)

    def test_parsing_is_pure(self, adapter: Adapter, django_db_blocker: Any) -> None:
        with django_db_blocker.block():
            for payload in self.payloads().values():
                before = copy.deepcopy(payload)
                for item in adapter.items(payload):
                    assert adapter.parse(item) == adapter.parse(item)
                assert payload == before, "parse() changed its input"

    def test_every_event_carries_its_raw_payload_and_nothing_json_cannot_hold(self, adapter: Adapter) -> None:
        for name, payload in self.payloads().items():
            for event in (event for item in adapter.items(payload) for event in adapter.parse(item)):
                json.dumps(as_json(event))
                assert event.raw, f"{name}: {type(event).__name__} has no raw"
                json.dumps(event.raw)
                if event.timestamp is not None:
                    assert event.timestamp.tzinfo is not None, f"{name}: a time without a zone"

    @pytest.mark.parametrize("payload", TRAPS, ids=repr)
    def test_a_trap_gives_events_or_an_anomalous_payload(
        self, adapter: Adapter, payload: Any, django_db_blocker: Any
    ) -> None:
        with django_db_blocker.block():
            self._only_events_or_anomalous(adapter, payload)

    @inherited
    @given(data=st.data())
    def test_arbitrary_json_gives_events_or_an_anomalous_payload(
        self, adapter: Adapter, data: st.DataObject, django_db_blocker: Any
    ) -> None:
        with django_db_blocker.block():
            self._only_events_or_anomalous(adapter, self._json(data))

    @inherited
    @given(data=st.data())
    def test_a_damaged_fixture_gives_events_or_an_anomalous_payload(
        self, adapter: Adapter, data: st.DataObject, django_db_blocker: Any
    ) -> None:
        payloads = self.payloads()
        payload = payloads[data.draw(st.sampled_from(sorted(payloads)))] if payloads else {"text": "x"}
        for _ in range(data.draw(st.integers(1, 3))):
            *way, last = data.draw(st.sampled_from(list(_places(payload)) or [("text",)]))
            inner: Any = payload
            for step in way:
                inner = inner[step]
            if data.draw(st.booleans()) and isinstance(inner, dict):
                inner.pop(last, None)
            else:
                inner[last] = self._json(data)
        with django_db_blocker.block():
            self._only_events_or_anomalous(adapter, payload)

    def _json(self, data: st.DataObject) -> Any:
        steps = {step for payload in self.payloads().values() for way in _places(payload) for step in way}
        return data.draw(json_values(tuple(sorted(step for step in steps if isinstance(step, str)))))

    def _only_events_or_anomalous(self, adapter: Adapter, payload: Any) -> None:
        for value in (payload, clean(payload)):
            try:
                items = adapter.items(value)
                assert isinstance(items, list)
            except AnomalousPayload:
                continue
            for item in [*items, value]:
                try:
                    events = adapter.parse(item)
                except AnomalousPayload as error:
                    assert str(error), "an AnomalousPayload says what is wrong"
                else:
                    assert isinstance(events, list)
                    assert all(isinstance(event, InboundEvent) for event in events)
                    json.dumps([[as_json(event), dict(event.raw)] for event in events])

    @pytest.mark.parametrize("body", [b"", b"[]", b"3", b"\xff", b'{"a":', b'"x"', b"null"])
    def test_routing_never_fails_on_what_a_stranger_sends(self, body: bytes) -> None:
        try:
            found = adapter_class(self.platform).route(body)
        except AnomalousPayload:
            return
        assert isinstance(found, list)

    # Proving the sender

    def test_the_right_headers_are_let_in(self, adapter: Adapter) -> None:
        if self.takes_webhooks:
            adapter.authenticate(CaseInsensitiveMapping(self.headers(b'{"a": 1}')), b'{"a": 1}')

    @pytest.mark.parametrize("wrong", [None, "", "wrong", "Ключ", "\xff\xfe", "\udc80", "a" * 5000])
    def test_any_other_header_is_refused(self, adapter: Adapter, wrong: str | None) -> None:
        body = b'{"a": 1}'
        for name in self.headers(body) or {"X-Nothing": ""}:
            headers = self.headers(body)
            headers.pop(name, None)
            if wrong is not None:
                headers[name] = wrong
            with pytest.raises(AuthenticationFailed) as refusal:
                adapter.authenticate(CaseInsensitiveMapping(headers), body)
            assert not any(secret in str(refusal.value) for secret in self.secrets)

    def test_no_headers_at_all_are_refused(self, adapter: Adapter) -> None:
        for body in (b"", b"{}", b"\xff"):
            with pytest.raises(AuthenticationFailed):
                adapter.authenticate(CaseInsensitiveMapping({}), body)

    def test_an_empty_secret_lets_nobody_in(self, platform_config: dict[str, Any]) -> None:
        for key in sorted(self.Config.secret_keys() & set(platform_config)):
            try:
                adapter = self.make({**platform_config, key: ""})
            except InvalidConfig:
                continue
            for headers in ({}, dict.fromkeys(self.headers(b"{}"), ""), self.headers(b"{}")):
                if not self.takes_webhooks or headers != self.headers(b"{}"):
                    with pytest.raises(AuthenticationFailed):
                        adapter.authenticate(CaseInsensitiveMapping(headers), b"{}")

    # Config and secrets

    def test_every_bad_key_of_a_config_is_named_at_once(self, platform_config: dict[str, Any]) -> None:
        bad: dict[str, Any] = {name: {"\x00": []} for name in self.Config.model_fields}
        with pytest.raises(InvalidConfig) as error:
            self.Config.read({**platform_config, **bad, "NOT_A_KEY": 1, "NOR_THIS": None})
        named = [key.partition(".")[0] for key in error.value.problems]
        assert sorted(set(named)) == sorted({*bad, "NOT_A_KEY", "NOR_THIS"})
        assert named == sorted(named)
        assert all(error.value.problems.values()), "a problem is a sentence"

    def test_every_missing_key_is_named_at_once(self) -> None:
        needed = {name for name, item in self.Config.model_fields.items() if item.is_required()}
        if not needed:
            self.Config.read({})
            return
        with pytest.raises(InvalidConfig) as error:
            self.Config.read({})
        assert needed <= set(error.value.problems)

    @pytest.mark.parametrize("config", [None, [], "x", 3, [{}]])
    def test_a_config_that_is_no_object_is_refused(self, config: Any) -> None:
        with pytest.raises(InvalidConfig):
            self.Config.read(config)

    def test_every_key_of_the_config_is_described(self) -> None:
        undescribed = [name for name, item in self.Config.model_fields.items() if not item.description]
        assert undescribed == []

    def test_a_generated_config_is_in_order_and_stays(self, platform_config: dict[str, Any]) -> None:
        cls = adapter_class(self.platform)
        prepared = cls.prepare(copy.deepcopy(platform_config))
        cls.Config.read(prepared)
        assert cls.prepare(prepared) == prepared, "what was generated once must not change"
        assert isinstance(cls.identify(prepared), str)
        json.dumps(prepared)

    def test_no_text_about_the_channel_shows_a_secret(self, adapter: Adapter, platform_config: dict[str, Any]) -> None:
        shown = [
            repr(adapter),
            str(adapter),
            repr(adapter.config),
            str(adapter.config),
            adapter.config.model_dump_json(),
        ]
        wrong: list[dict[str, Any]] = [{"NOT_A_KEY": 1}, *({name: {"x": []}} for name in self.Config.model_fields)]
        for bad in wrong:
            with pytest.raises(InvalidConfig) as error:
                self.Config.read({**platform_config, **bad})
            shown += [str(error.value), repr(error.value), repr(error.value.messages)]
        for secret in self.secrets:
            # Put where it does not belong, it is not told either.
            with pytest.raises(InvalidConfig) as error:
                self.Config.read({**platform_config, "PACING": secret, "ON_UNKNOWN": secret})
            shown += [str(error.value), repr(error.value)]
        assert [(secret, text) for text in shown for secret in self.secrets if secret in text] == []

    def test_redacting_removes_every_secret(self, adapter: Adapter) -> None:
        assert set(self.secrets) <= set(adapter.config.secrets())
        text = "; ".join(f"https://api.example/bot{secret}/send?key={secret}" for secret in self.secrets)
        redacted = adapter.redact(text)
        assert [secret for secret in self.secrets if secret in redacted] == []
        assert adapter.redact("nothing to hide") == "nothing to hide"

    # Going out

    def test_the_platform_is_known_by_its_name(self) -> None:
        assert self.platform in names()
        assert adapter_class(self.platform).__doc__

    def test_the_limits_make_sense(self) -> None:
        cls = adapter_class(self.platform)
        limits = cls.limits
        for item in fields(limits):
            value = getattr(limits, item.name)
            if isinstance(value, int):
                assert value > 0, f"{item.name}: {value!r}"
            elif value is not None:
                assert value.count > 0 and value.seconds > 0, f"{item.name}: {value!r}"
        assert limits.caption is None or limits.text is None or limits.caption <= limits.text
        assert cls.supports_buttons or not (limits.buttons or limits.button_text)
        assert cls.supports_files or not (limits.file_bytes or limits.image_bytes or limits.caption)
        assert not cls.is_local or (limits.channel_pace, limits.chat_pace, limits.group_pace) == (None, None, None)

    @pytest.mark.parametrize("text", TEXTS, ids=lambda text: f"{text[:6]!r}x{len(text)}")
    def test_a_long_text_is_split_and_nothing_is_lost(self, adapter: Adapter, text: str) -> None:
        rows = ((Button(text="Yes", token="t" * 57), Button(text="Site", url="https://example.org")),)
        message = OutboundMessage(text=text, buttons=rows if adapter.supports_buttons else ())
        parts = adapter.split(message)
        assert "".join(self.shown(part) for part in parts) == text
        most = adapter.limits.text
        assert most is None or all(0 < self.length(self.shown(part)) <= most for part in parts)
        assert all(part.buttons == () for part in parts[:-1]), "buttons go with the last part"
        assert parts[-1].buttons == message.buttons
        assert adapter.split(message) == parts
        for part in parts:
            assert part.act == "send"
            assert Part.from_json(json.loads(json.dumps(part.to_json()))) == part

    def test_every_file_is_sent_once_and_in_order(self, adapter: Adapter) -> None:
        if adapter.is_local or not adapter.supports_files:
            return  # where the row is the delivery, its attachments are beside it
        kinds = ("image/png", "image/jpeg", "application/pdf", "audio/ogg", "video/mp4")
        files = tuple(
            OutgoingFile(path=f"{number}", name=f"{number}.bin", content_type=kind, kind=_kind(kind), size=9)
            for number, kind in enumerate(kinds)
        )
        for text in ("", "caption", "long " * 3000):
            parts = adapter.split(OutboundMessage(text=text, files=files))
            assert [file for part in parts for file in ((part.file,) if part.file else part.files)] == list(files)
            assert "".join(self.shown(part) for part in parts) == text

    def test_checking_a_message_raises_nothing_but_invalid_message(self, adapter: Adapter) -> None:
        for message in (OutboundMessage(), OutboundMessage(text="hello"), OutboundMessage(html="<b>x", is_edit=True)):
            try:
                adapter.check(message)
            except InvalidMessage as error:
                assert error.problems

    def test_delivering_gives_a_result_or_a_delivery_error(self, adapter: Adapter) -> None:
        for part in self._parts(adapter):
            try:
                assert isinstance(adapter.deliver(part), DeliveryResult)
            except DeliveryError as error:
                assert error.reason, f"{part!r}: why?"

    def test_a_broken_edge_gives_a_delivery_error_without_secrets(self, adapter: Adapter) -> None:
        for broken in self.broken_edges(adapter):
            with broken, pytest.raises(DeliveryError) as error:
                adapter.deliver(Part(text="hello", chat=self.chat, delivery_id="1"))
            assert error.value.reason
            assert not any(secret in adapter.redact(error.value.reason) for secret in self.secrets)

    def _parts(self, adapter: Adapter) -> Iterator[Part]:
        here: dict[str, Any] = {"chat": self.chat, "delivery_id": "1"}
        yield Part(text="hello", **here)
        yield Part(text="hello", reply_to="nowhere", **here)
        yield Part(text="hello", chat="", delivery_id="1")
        yield Part(text="hello", chat="no such chat", delivery_id="1")
        yield Part(**here)
        yield Part(text="x" * 100_000, **here)
        acts: list[Any] = ["edit", "delete", "react", "read"]
        for act in acts:
            yield Part(act=act, text="x", target="no such message", **here)
        if adapter.supports_files:
            gone = OutgoingFile(path="gone/gone.png", name="gone.png", content_type="image/png", kind="image", size=9)
            yield Part(text="hello", file=gone, **here)
        if adapter.supports_buttons:
            yield Part(text="hello", buttons=((Button(text="Yes", token="t" * 57),),), **here)


def _kind(content_type: str) -> Any:
    major = content_type.partition("/")[0]
    return major if major in ("image", "audio", "video") else "file"
