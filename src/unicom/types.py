"""Define the frozen events that come in, the messages that go out, and what crosses the adapter's border."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from typing import IO, Any, Literal, Self

# Forward order of a message's and a delivery's state; receipts only raise it.
QUEUED, SENDING, UNKNOWN, SENT, FAILED, BOUNCED, DELIVERED, SEEN = (
    "queued",
    "sending",
    "unknown",
    "sent",
    "failed",
    "bounced",
    "delivered",
    "seen",
)
CANCELLED = "cancelled"
RANK: Mapping[str, int] = {
    state: rank for rank, state in enumerate((QUEUED, SENDING, UNKNOWN, SENT, FAILED, BOUNCED, DELIVERED, SEEN))
}
STATES = (*RANK, CANCELLED)
OPEN_STATES = (QUEUED, SENDING)

MediaType = Literal[
    "text", "html", "image", "audio", "video", "file", "location", "contact", "tool_call", "tool_response"
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Name a person by something besides the platform's id: a phone number, an address, a business-scoped id."""

    kind: str
    value: str
    scope: str = ""
    verified: bool = False
    """Whether the platform vouches for it; only then may it lead to a Member."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Say who acted, in the platform's words."""

    external_id: str
    name: str = ""
    username: str = ""
    is_bot: bool = False
    identities: tuple[Identity, ...] = ()
    user_id: Any = None
    """The Django user this person is logged in as, where the platform is our own site."""
    account_id: str = ""
    """Our own key of the account, once it has been found."""
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversation:
    """Say where it happened; ``chat_id`` is our own key, where the platform knows it."""

    external_id: str | None = None
    chat_id: str = ""
    name: str = ""
    is_new: bool = False
    """``chat_id`` names a chat that is to be made; without this it must be there."""
    is_group: bool = False
    is_thread: bool = False
    """The platform has no id for it: the ids that a message names say where it belongs; else it opens a new one."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    """Further external ids it may be known under, where a platform names one person in several ways."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IncomingFile:
    """Describe a file that came in: its content if it is at hand, else what :meth:`Adapter.fetch` needs."""

    kind: Literal["image", "audio", "video", "file"]
    name: str = ""
    content_type: str = ""
    size: int | None = None
    reference: Mapping[str, Any] = field(default_factory=dict)
    content: IO[bytes] | None = None
    refused: str = ""
    """Why it cannot be fetched at all, said on the row."""
    is_voice: bool = False
    """Somebody's voice: ``message.media`` becomes MP3, and the attachment keeps it as it came."""
    content_id: str = ""
    """By what the message's HTML shows it, as ``cid:…``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InboundEvent:
    """Be the parent of everything a platform tells us."""

    key: str = ""
    """What makes it one and the same event within its channel; empty where a repeat does no harm."""
    timestamp: datetime | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageReceived(InboundEvent):
    """Say that a person wrote."""

    conversation: Conversation
    sender: Person
    external_id: str = ""
    text: str = ""
    html: str = ""
    subject: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    """External ids of messages it follows, the nearest first; of a thread also of those that never came."""
    proven_chat: str = ""
    """Our key of the chat, where a token of ours proves that the sender may write there."""
    proven_reference: str = ""
    """The external id of a delivery of ours, where a token proves that it is about that one."""
    fallback_id: str = ""
    """What it is called where another message bears its external id already; made from its content."""
    automatic: str = ""
    """Why no machine should answer it; then it makes no request."""
    is_unproven: bool = False
    """Whether anybody may have written under this name; then the request is no member's."""
    is_suspect: bool = False
    """Whether the sender is proven to be another one than it says; then it joins no thread."""
    number: int | None = None
    """The platform's running number of it, within its folder."""
    media_type: MediaType = "text"
    files: tuple[IncomingFile, ...] = ()
    reply_to: str = ""
    """The external id (or ours) of the message it answers."""
    idempotency_key: str = ""
    """The sender's own id for it, where a repeat shall give the same message."""
    album: str = ""
    """What messages have in common that were sent as one: they become one message with several files, one turn."""
    is_service: bool = False
    """A note of the platform's own (somebody joined): a system message, and nobody's request."""
    is_echo: bool = False
    """Our own side wrote it elsewhere (the owner on a phone): an outgoing message, and nobody's request."""
    is_click: bool = False
    """It only shows a click, which an event of its own tells of: it is kept, and nobody is asked to answer it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageEdited(InboundEvent):
    """Say that a person changed what they wrote."""

    conversation: Conversation
    sender: Person
    external_id: str
    text: str = ""
    html: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageDeleted(InboundEvent):
    """Say that messages were taken back where they were sent; those we do not know do no harm."""

    conversation: Conversation
    external_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReactionChanged(InboundEvent):
    """Say how a person reacts to a message by now, all of it; nothing takes the reactions back."""

    conversation: Conversation
    sender: Person
    message_external_id: str
    reactions: tuple[str, ...] = ()
    """Emoji, or the platform's own word for what is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReactionsCounted(InboundEvent):
    """Say how often each reaction was given to a message, where nobody is named."""

    conversation: Conversation
    message_external_id: str
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ButtonClicked(InboundEvent):
    """Say that a person clicked one of our buttons."""

    sender: Person
    token: str = ""
    """The signed token, as the platform carried it."""
    execution_id: str = ""
    """The button's own id instead, where whoever reports the click is trusted."""
    conversation: Conversation | None = None
    message_external_id: str = ""
    click_id: str = ""
    """What :meth:`Adapter.answer_click` needs to stop the platform's waiting sign."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusChanged(InboundEvent):
    """Say how far something we sent has come; repeats and late ones do no harm."""

    external_id: str
    status: Literal["sent", "delivered", "seen", "failed", "bounced"]
    error: str = ""
    code: str = ""
    suppress: str = ""
    """Why this contact, or the address it was sent to, is not to be written to again, if so."""
    suppress_scope: str = ""
    delivery_id: str = ""
    """Our own id of the delivery, where the platform carries it."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What else is worth keeping, such as the price."""
    is_shared: bool = False
    """Others write through the same channel, too: a receipt for what we did not send is no fault."""
    is_soft: bool = False
    """It came back, but the address may work another time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactChanged(InboundEvent):
    """Say that a person stopped this channel from writing to them, or let it again."""

    sender: Person
    reachable: bool
    reason: str = ""
    scope: str = ""
    """The kind of messages it is about, such as marketing; empty: all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactSeen(InboundEvent):
    """Say by which ids a person is known, so that they are joined; nothing was said."""

    sender: Person
    conversation: Conversation


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentityChanged(InboundEvent):
    """Say that a person goes by other ids from now on."""

    old: tuple[Identity, ...]
    new: tuple[Identity, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowOpened(InboundEvent):
    """Say that a person did something besides writing that lets us write to them for a while, such as a call."""

    sender: Person
    conversation: Conversation


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformTemplateChanged(InboundEvent):
    """Say that a template of the platform has another status, quality, category or content now."""

    name: str
    language: str
    status: str = ""
    quality: str = ""
    category: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConversationMoved(InboundEvent):
    """Say that a conversation goes on under another external id."""

    old: str
    new: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Button:
    """Be one button: ``token`` for one that calls us back, ``url`` for one that opens a page."""

    text: str
    token: str = ""
    url: str = ""
    style: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class OutgoingFile:
    """Name a file in our storage that is to be sent."""

    path: str
    name: str
    content_type: str
    kind: Literal["image", "audio", "video", "file"]
    size: int = 0

    def open(self) -> IO[bytes]:
        """Open it for reading; the caller closes it."""
        from unicom.media import chat_storage

        return chat_storage().open(self.path, "rb")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """Be what is known of the message that another one answers."""

    external_id: str = ""
    is_outgoing: bool = False
    sender: str = ""
    """The external id of who wrote it; empty where we did."""
    subject: str = ""
    text: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    """Be what a message carries from before it is sent: its id where we make it ourselves, and what to keep in raw."""

    external_id: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    """By which ids, besides its own, answers may name this conversation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboundMessage:
    """Be one checked message on its way out; :meth:`Adapter.check` and :meth:`Adapter.split` see this."""

    id: str = ""
    """Our key of it, and that of its tracking; known once nothing is wrong with it."""
    tracking_id: str = ""
    chat_id: str = ""
    answers: Answered | None = None
    is_automatic: bool = False
    """Nobody of the staff wrote it."""
    text: str = ""
    html: str = ""
    subject: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    reply_to: tuple[str, ...] = ()
    from_name: str = ""
    list_unsubscribe: str = ""
    skip_reacher: bool = False
    files: tuple[OutgoingFile, ...] = ()
    buttons: tuple[tuple[Button, ...], ...] = ()
    parse_mode: str = ""
    silent: bool = False
    protect: bool = False
    is_reply: bool = False
    is_edit: bool = False
    has_media: bool = False
    """What is edited has a file, so that its text is a caption."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the platform's own API, passed on."""
    template: TemplateDefinition | None = None
    """The platform's template that is sent, its values under ``template`` in the options."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateDefinition:
    """Be a message the platform has approved beforehand, as it describes it."""

    name: str
    language: str
    category: str = ""
    status: str = ""
    quality: str = ""
    external_id: str = ""
    parameter_format: Literal["positional", "named"] = "positional"
    components: tuple[Mapping[str, Any], ...] = ()


Act = Literal["send", "edit", "delete", "react", "read"]


SURPLUS = "surplus"
"""The option of a delete that takes back a part only, because an edit has made it needless."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Be one call to the platform; what is stored on a Delivery, made whole again when its turn comes."""

    act: Act = "send"
    text: str = ""
    html: str = ""
    file: OutgoingFile | None = None
    files: tuple[OutgoingFile, ...] = ()
    """An album, sent in one call; then there is no ``file``. It counts as so many messages."""
    buttons: tuple[tuple[Button, ...], ...] = ()
    parse_mode: str = ""
    silent: bool = False
    protect: bool = False
    recipient: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    unless_answered: bool = False
    """It is not to be sent once somebody has written in the chat since it was queued."""
    # Known only when its turn comes: an earlier message may have been queued with this one.
    delivery_id: str = ""
    chat: str = ""
    """The conversation's external id (ours where the platform has none)."""
    reply_to: str = ""
    """The external id of the message it answers."""
    target: str = ""
    """The external id of the message it edits, deletes or reacts to."""

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads, without what is at its default."""
        plain = asdict(self)
        return {
            item.name: plain[item.name]
            for item in fields(self)
            if plain[item.name] and not (item.name == "act" and self.act == "send")
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Make a part from what :meth:`to_json` returned."""
        values = dict(stored)
        if values.get("file"):
            values["file"] = OutgoingFile(**values["file"])
        values["files"] = tuple(OutgoingFile(**file) for file in values.get("files", ()))
        values["buttons"] = tuple(tuple(Button(**button) for button in row) for row in values.get("buttons", ()))
        return cls(**values)

    def at(self, **known: str) -> Self:
        """Return this part with what is known only now."""
        return replace(self, **known)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryResult:
    """Say what the platform made of a part."""

    external_id: str = ""
    also: tuple[str, ...] = ()
    """The ids of an album's further items."""
    status: Literal["sent", "delivered"] = "sent"
    raw: Mapping[str, Any] = field(default_factory=dict)
    follow_up: bool = False
    """Have :meth:`Adapter.follow_up` called by a job that is written with this outcome."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """Say what :meth:`Adapter.setup` found: who the channel is, and what to keep in its config."""

    external_id: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """Say how a channel is, as its platform sees it."""

    problems: tuple[str, ...] = ()
    """One sentence each on what an operator should look at."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the platform told: where it sends to, how much waits, what went wrong last."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """Allow at most ``count`` in any window of ``seconds``."""

    count: int
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """State what the platform takes; the capability page and the checks are made from it."""

    text: int | None = None
    caption: int | None = None
    buttons: int | None = None
    button_text: int | None = None
    file_bytes: int | None = None
    image_bytes: int | None = None
    download_bytes: int | None = None
    channel_pace: Pace | None = None
    chat_pace: Pace | None = None
    group_pace: Pace | None = None
    automatic_per_hour: int | None = None
    """How many messages nobody of the staff wrote may go to one conversation within an hour."""
