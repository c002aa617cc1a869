"""Test what every adapter inherits: documented capabilities, cautious defaults, parts that survive being stored."""

from __future__ import annotations

import ast
import inspect
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, SecretStr

from tests.platforms.subject import DictState
from unicom.errors import AuthenticationFailed, ConfigurationError, InvalidConfig, UnknownPlatform
from unicom.platforms import adapter_class, base, names
from unicom.platforms.base import Adapter, AdapterConfig
from unicom.types import Button, DeliveryResult, InboundEvent, OutboundMessage, OutgoingFile, Part, Setup

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
buttons = st.builds(Button, text=words, token=words, url=words, style=words)
files = st.builds(
    OutgoingFile,
    path=words,
    name=words,
    content_type=words,
    kind=st.sampled_from(["image", "audio", "video", "file"]),
    size=st.integers(0, 2**60),
)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
parts = st.builds(
    Part,
    act=st.sampled_from(["send", "edit", "delete", "react", "read"]),
    text=words,
    html=words,
    file=st.none() | files,
    buttons=st.lists(st.lists(buttons, max_size=3).map(tuple), max_size=3).map(tuple),
    parse_mode=words,
    silent=st.booleans(),
    protect=st.booleans(),
    recipient=words,
    options=st.dictionaries(words, plain, max_size=3),
    delivery_id=words,
    chat=words,
    reply_to=words,
    target=words,
)


class SmallConfig(AdapterConfig):
    """Be a config with every kind of secret."""

    TOKEN: SecretStr
    OLD_TOKENS: list[SecretStr] = Field(default_factory=list)
    SPARE: SecretStr | None = None
    NAME: str = ""


class SmallAdapter(Adapter):
    """Do what is required and no more."""

    Config = SmallConfig

    def parse(self, payload: Any) -> list[InboundEvent]:
        """Know nothing."""
        return []

    def deliver(self, part: Part) -> DeliveryResult:
        """Take everything."""
        return DeliveryResult()


def make(**config: Any) -> SmallAdapter:
    return SmallAdapter(SmallConfig.read({"TOKEN": "token-1", **config}), DictState())


@pytest.mark.once
@given(parts)
def test_a_part_is_the_same_after_it_was_stored(part: Part) -> None:
    assert Part.from_json(json.loads(json.dumps(part.to_json()))) == part


@pytest.mark.once
def test_a_stored_part_holds_nothing_that_is_at_its_default() -> None:
    assert Part(text="hello").to_json() == {"text": "hello"}


@pytest.mark.once
def test_only_parse_and_deliver_are_required() -> None:
    assert Adapter.__abstractmethods__ == {"parse", "deliver"}
    make()


@pytest.mark.once
def test_an_adapter_that_says_nothing_supports_nothing() -> None:
    flags = {name: value for name, value in vars(Adapter).items() if isinstance(value, bool)}
    assert set(flags.values()) == {False}
    assert {name for name in flags if name.startswith("supports_")} >= {
        "supports_buttons", "supports_delete", "supports_edit", "supports_files", "supports_html",
        "supports_media_edit", "supports_reactions", "supports_streaming", "supports_typing",
    }  # fmt: skip


@pytest.mark.once
def test_every_capability_says_what_it_means() -> None:
    (cls,) = (
        node
        for node in ast.parse(inspect.getsource(base)).body
        if isinstance(node, ast.ClassDef) and node.name == "Adapter"
    )
    silent = []
    for node, after in zip(cls.body, [*cls.body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id != "Config":
            documented = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            silent += [] if documented else [node.target.id]
    assert silent == []


@pytest.mark.once
def test_the_defaults_of_an_adapter_are_cautious() -> None:
    adapter = make()
    with pytest.raises(AuthenticationFailed):
        adapter.authenticate({"Authorization": "anything"}, b"{}")
    assert SmallAdapter.handshake({"challenge": "1"}, [adapter.config]) is None
    assert SmallAdapter.route(b"anything") == []
    assert adapter.setup("https://example.org/hook") == Setup()
    assert adapter.items({"a": 1}) == [{"a": 1}]
    with adapter.fetch({}) as chunks:
        assert list(chunks) == []
    adapter.close()


@pytest.mark.once
def test_by_default_text_goes_with_the_first_file_and_buttons_with_the_last() -> None:
    attached = tuple(
        OutgoingFile(path=name, name=name, content_type="text/plain", kind="file") for name in ("a.txt", "b.txt")
    )
    rows = ((Button(text="Yes", token="t"),),)
    first, second = make().split(OutboundMessage(text="Look", files=attached, buttons=rows, silent=True))
    assert (first.text, first.file, first.buttons) == ("Look", attached[0], ())
    assert (second.text, second.file, second.buttons) == ("", attached[1], rows)
    assert first.silent and second.silent


@pytest.mark.once
def test_every_kind_of_secret_is_redacted_the_longest_first() -> None:
    adapter = make(OLD_TOKENS=["token-1-and-more", "older"], SPARE="spare")
    assert adapter.config.secrets() == ["token-1-and-more", "token-1", "older", "spare"]
    assert adapter.redact("token-1-and-more token-1 older spare") == "*** *** *** ***"
    assert "token" not in repr(adapter.config) + repr(adapter) and "spare" not in repr(adapter.config)


@pytest.mark.once
@pytest.mark.parametrize("bad", ["ask me", 3, ["ask"], {"a": 1}])
def test_a_bad_choice_names_what_would_be_right(bad: Any) -> None:
    with pytest.raises(InvalidConfig) as error:
        AdapterConfig.read({"ON_UNKNOWN": bad})
    assert "'ask', 'resend' or 'give_up'" in error.value.problems["ON_UNKNOWN"]


@pytest.mark.once
@pytest.mark.parametrize("pace", [[0, 1], [-1, 1], [1, 0], [1, -1], [1], ["a", 1], [1, "NaN"], [1, "inf"]])
def test_a_pace_that_could_never_be_kept_is_refused(pace: list[Any]) -> None:
    with pytest.raises(InvalidConfig):
        AdapterConfig.read({"PACING": {"channel": pace}})


def test_an_unknown_platform_is_told_which_there_are() -> None:
    with pytest.raises(UnknownPlatform) as error:
        adapter_class("Telegramm")
    assert "'Telegramm' is not one of Email, Internal, Telegram, WebChat, WhatsApp" in str(error.value)


def test_a_platform_can_be_replaced_and_removed(settings: Any) -> None:
    settings.UNICOM_PLATFORMS = {"Internal": None, "Telegram": f"{__name__}.SmallAdapter"}
    assert "Internal" not in names()
    assert adapter_class("Telegram") is SmallAdapter
    with pytest.raises(UnknownPlatform):
        adapter_class("Internal")


@pytest.mark.parametrize("path", ["unicom.types.Part", "unicom.errors.AnomalousPayload", f"{__name__}.make"])
def test_what_is_no_adapter_cannot_be_registered(settings: Any, path: str) -> None:
    settings.UNICOM_PLATFORMS = {"Odd": path}
    with pytest.raises(ConfigurationError, match="not a subclass"):
        adapter_class("Odd")


def test_an_adapter_that_cannot_be_imported_is_named(settings: Any) -> None:
    settings.UNICOM_PLATFORMS = {"Odd": "nowhere.at.all.Adapter"}
    with pytest.raises((ImportError, ConfigurationError), match="nowhere"):
        adapter_class("Odd")
