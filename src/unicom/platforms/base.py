"""Define what a platform has to be: an Adapter translates between its wire format and ours, and touches no database."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from unicom.errors import AuthenticationFailed, InvalidConfig
from unicom.types import (
    Answered,
    DeliveryResult,
    Health,
    InboundEvent,
    Limits,
    OutboundMessage,
    Part,
    Setup,
    Stamp,
    TemplateDefinition,
)

Rate = tuple[Annotated[int, Field(ge=1)], Annotated[float, Field(gt=0, allow_inf_nan=False)]]


class PacingConfig(BaseModel):
    """Replace a platform's pace for one channel; each is ``[count, seconds]``."""

    model_config = ConfigDict(extra="forbid")

    channel: Rate | None = None
    chat: Rate | None = None
    group: Rate | None = None
    time_scale: float = Field(1.0, gt=0, allow_inf_nan=False)


class AdapterConfig(BaseModel):
    """Be what ``Channel.config`` must look like; the keys every platform knows."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    API_URL: str | None = Field(None, description="Another address of the platform's API, such as a self-hosted one.")
    PACING: PacingConfig | None = Field(None, description="Other sending limits than the platform's own.")
    ON_UNKNOWN: Literal["ask", "resend", "give_up"] = Field(
        "ask", description="What becomes of a message that may or may not have arrived."
    )

    @classmethod
    def read(cls, config: Any) -> Self:
        """Check a stored config; raises InvalidConfig with one sentence for every bad key."""
        if not isinstance(config, Mapping):
            raise InvalidConfig({"config": f"a JSON object is needed, not {type(config).__name__}"})
        try:
            return cls.model_validate(dict(config))
        except ValidationError as error:
            raise InvalidConfig(_sentences(error)) from None

    @classmethod
    def secret_keys(cls) -> frozenset[str]:
        """Return the names of the keys whose values must never be shown."""
        return frozenset(name for name, item in cls.model_fields.items() if "SecretStr" in str(item.annotation))

    def secrets(self) -> list[str]:
        """Return every secret value, the longest first, for redaction."""
        found = [secret for secret in _revealed(self) if secret]
        return sorted(found, key=len, reverse=True)


def _revealed(value: Any) -> Iterator[str]:
    """Return every secret within a value, however deep."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _revealed(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _revealed(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _revealed(item)


def _sentences(error: ValidationError) -> dict[str, str]:
    # The input is left out on purpose: it may be a secret.
    problems: dict[str, list[str]] = {}
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        key = ".".join(str(step) for step in item["loc"]) or "config"
        sentence = {"missing": "required", "extra_forbidden": "not a key of this platform"}.get(
            item["type"], item["msg"].removeprefix("Value error, ")
        )
        problems.setdefault(key, []).append(sentence)
    return {key: ", ".join(sentences) for key, sentences in problems.items()}


class ChannelState(Protocol):
    """Keep small values of a channel (tokens, cursors, caches), versioned and encrypted."""

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value under ``key``."""
        ...

    def set(self, key: str, value: Any) -> None:
        """Keep ``value`` under ``key``."""
        ...


class Adapter(ABC):
    """Translate between a platform and us; ``parse`` and ``deliver`` are required, the rest has a default."""

    Config: type[AdapterConfig] = AdapterConfig
    is_local: ClassVar[bool] = False
    """The row is the delivery (WebChat, Internal): never queued for long, never unknown, active without set-up."""
    opens_chats: ClassVar[bool] = False
    """A send to an id we do not know yet opens the conversation."""
    supports_addresses: ClassVar[bool] = False
    """A message has ``to``, ``cc``, ``bcc`` and a ``subject`` of its own."""
    supports_buttons: ClassVar[bool] = False
    """Buttons that call back."""
    numbers_buttons: ClassVar[bool] = False
    """Buttons may be shown as numbered lines, so that a number that is typed may be a click."""
    supports_html: ClassVar[bool] = False
    """``html`` is shown as such, not turned into text."""
    supports_files: ClassVar[bool] = False
    """Files can be sent."""
    supports_edit: ClassVar[bool] = False
    """A message that was sent can be changed."""
    supports_media_edit: ClassVar[bool] = False
    """The file of a message that was sent can be changed for another."""
    supports_delete: ClassVar[bool] = False
    """A message that was sent can be taken back."""
    supports_reactions: ClassVar[bool] = False
    """We can react to a message with an emoji."""
    supports_typing: ClassVar[bool] = False
    """People can be shown that an answer is being written."""
    typing_lasts: ClassVar[float] = 5.0
    """For how many seconds that is shown."""
    supports_streaming: ClassVar[bool] = False
    """An answer can be shown while it is being written."""
    supports_templates: ClassVar[bool] = False
    """The platform keeps templates it has approved, and ``template`` sends one."""
    window: ClassVar[timedelta | None] = None
    """For how long after a person's message they may be written to freely; None: for ever."""
    identity_keys: ClassVar[tuple[str, ...]] = ()
    """The kinds of identities that belong to one person at a time, the strongest first; an account is found by them."""
    safe_to_repeat: ClassVar[bool] = False
    """A delivery that may have arrived can be repeated, because the platform recognises it."""
    passthrough: ClassVar[frozenset[str]] = frozenset()
    """Keys of the platform's own API that a caller may use in a send."""
    limits: ClassVar[Limits] = Limits()
    """What the platform takes at most: lengths, sizes, and how fast."""

    def __init__(self, config: AdapterConfig, state: ChannelState) -> None:
        self.config = config
        self.state = state

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    # Setting up

    @classmethod
    def prepare(cls, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return a new channel's config with what we generate ourselves, such as a webhook's secret."""
        return dict(config)

    @classmethod
    def identify(cls, config: Mapping[str, Any]) -> str:
        """Return the channel's external id as far as its config tells, else nothing."""
        return ""

    def setup(self, webhook_url: str) -> Setup:
        """Check the credentials and register the webhook; raises DeliveryError or InvalidConfig with the reason.

        ``webhook_url`` is the whole address of this channel's webhook, empty where the project has no public origin.
        """
        return Setup()

    def health(self, webhook_url: str) -> Health:
        """Ask the platform how the channel is, and change nothing; raises DeliveryError."""
        return Health()

    # Coming in

    @classmethod
    def route(cls, body: bytes) -> list[tuple[str, Any]]:
        """Split what a shared endpoint got into (``Channel.external_id``, that channel's part).

        What is no single channel's has another address, see :meth:`concerns`. Raises AnomalousPayload.
        """
        return []

    @classmethod
    def addressees(cls, body: bytes) -> set[str]:
        """Return the addresses that :meth:`route` gives, at little cost, for nobody has proven the body yet.

        Nothing where they cannot be told: then each of the platform's channels is asked whether it proves the body.
        """
        return set()

    def concerns(self, address: str) -> bool:
        """Tell whether a part is for this channel that :meth:`route` gave the address of no single one."""
        return False

    @classmethod
    def handshake(cls, query: Mapping[str, str], configs: Sequence[AdapterConfig]) -> str | None:
        """Return the text that answers a GET of the webhook, None where the platform makes none.

        Raises AuthenticationFailed to refuse it.
        """
        return None

    def authenticate(self, headers: Mapping[str, str], body: bytes) -> None:
        """Prove who sent the webhook; raises AuthenticationFailed, which is also what the default does."""
        raise AuthenticationFailed(f"{type(self).__name__} takes no webhooks.")

    @abstractmethod
    def parse(self, payload: Any) -> list[InboundEvent]:
        """Translate a payload, purely.

        Returns ``[]`` for what is known and not supported; raises AnomalousPayload for what has not the documented
        shape. A payload with several items gives those it can read; see :meth:`items`.
        """

    def items(self, payload: Any) -> list[Any]:
        """Return the items of a payload, each parsed by itself, so that a bad one costs no good one."""
        return [payload]

    def fetch(self, reference: Mapping[str, Any]) -> AbstractContextManager[Iterator[bytes]]:
        """Open a file that came in, for reading in chunks; raises DeliveryError as :meth:`deliver` does."""
        return nullcontext(iter(()))

    @classmethod
    def numbered_choices(cls, rows: Sequence[Sequence[Mapping[str, Any]]]) -> list[str]:
        """Return the ids of stored buttons that were shown as numbered lines, in order: a typed number clicks one."""
        return []

    def answer_click(self, click_id: str, text: str = "") -> None:  # noqa: B027  optional
        """Stop the platform's waiting sign after a click; a failure is of no consequence and may be raised."""

    # Going out

    @classmethod
    def address(cls, chat_id: str) -> str:
        """Return a conversation's external id as the platform writes it; raises InvalidMessage for what is none."""
        return chat_id

    def templates(self) -> list[TemplateDefinition] | None:
        """Return the templates the platform has for this channel, None where they cannot be had."""
        return None

    def template_text(self, message: OutboundMessage) -> str:
        """Return what people will read of a message that sends a template."""
        return message.text

    def answer(self, message: OutboundMessage, answered: Answered) -> OutboundMessage:
        """Fill in what an answer takes from the message it answers, where addresses are the sender's to give."""
        return message

    def check(self, message: OutboundMessage) -> None:  # noqa: B027  optional
        """Raise UnsupportedFeature for what the platform cannot do, before anything is saved."""

    def stamp(self, message: OutboundMessage) -> Stamp:
        """Return what is known of a message before it is sent: kept on its row when it is queued."""
        return Stamp()

    def split(self, message: OutboundMessage) -> list[Part]:
        """Return the calls that deliver the message whole: text with the first file, further files after it."""
        whole = Part(
            text=message.text,
            html=message.html,
            file=message.files[0] if message.files else None,
            parse_mode=message.parse_mode,
            silent=message.silent,
            protect=message.protect,
            options=message.options,
        )
        parts = [whole, *(Part(file=item, silent=message.silent) for item in message.files[1:])]
        parts[-1] = replace(parts[-1], buttons=message.buttons)
        return parts

    @abstractmethod
    def deliver(self, part: Part) -> DeliveryResult:
        """Make the one call that delivers a part; raises DeliveryError. Called by ``outbox.py`` alone."""

    def follow_up(self, part: Part) -> None:  # noqa: B027  optional
        """Do what shall follow a delivery and can neither undo nor repeat it; raises DeliveryError as deliver does."""

    def typing(self, chat: str, message: str = "") -> None:  # noqa: B027  optional
        """Show once that an answer is being written; ``message`` is the external id of what is being answered."""

    def show_draft(self, chat: str, draft_id: int, text: str, *, parse_mode: str = "") -> bool:
        """Show, once more, an answer that is being written; False where this conversation cannot show drafts.

        ``draft_id`` is any number but 0, the same for all steps of one answer; the finished one is then sent as usual.
        Raises DeliveryError.
        """
        return False

    def redact(self, text: str) -> str:
        """Return ``text`` without any secret of this channel."""
        for secret in self.config.secrets():
            text = text.replace(secret, "***")
        return text

    def close(self) -> None:  # noqa: B027  optional
        """Give back what the adapter holds open."""
