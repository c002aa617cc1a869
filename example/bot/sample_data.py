"""Fill a new database with a few days of a small shop's life, through the same functions a project would call."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.utils import timezone

from unicom.inbound import ingest
from unicom.models import (
    Account,
    Channel,
    ChannelState,
    Chat,
    DraftMessage,
    Member,
    MemberGroup,
    Message,
    MessageTemplate,
)
from unicom.types import Conversation, MessageReceived, Person

MARK = "sample_data"
WITHOUT_BOT = {"bot": False}

MAYA = Person(external_id="guest_sample_maya", name="Maya Lindqvist")
JONAS = Person(external_id="guest_sample_jonas", name="Jonas Weber")
NOISY = Person(external_id="guest_sample_noisy", name="Cheap Watches")


def seed() -> bool:
    """Fill the database, if it has no channel yet; False where there was nothing to do.

    What an interrupted first start left behind is taken away and written anew.
    """
    for state in ChannelState.objects.filter(key=MARK).select_related("channel"):
        if state.value != "done":
            state.channel.delete()
    if Channel.objects.exists():
        return False
    website, internal = (_channel(name, platform) for name, platform in (("Website", "WebChat"), ("Shop", "Internal")))
    members = _members()
    _conversation_with_staff(website, members["Maya Lindqvist"])
    _conversation_with_bot(website)
    _spam(website)
    _two_parties(internal)
    _template_and_draft(website)
    for state in ChannelState.objects.filter(key=MARK):
        state.value = "done"
        state.save()
    return True


def _channel(name: str, platform: str) -> Channel:
    channel = Channel.objects.create(name=name, platform=platform)
    ChannelState.objects.create(channel=channel, key=MARK, value="begun")
    return channel


def _members() -> dict[str, Member]:
    customers, _ = MemberGroup.objects.get_or_create(name="Customers")
    colleagues, _ = MemberGroup.objects.get_or_create(name="Colleagues")
    members = {}
    for name, email, phone, group in (
        ("Maya Lindqvist", "maya@example.com", "+4687550100", customers),
        ("Jonas Weber", "jonas@example.com", "", customers),
        ("Amara Okafor", "amara@example.com", "+442079460101", colleagues),
    ):
        members[name], _ = Member.objects.get_or_create(name=name, defaults={"email": email, "phone": phone})
        members[name].groups.add(group)
    return members


def _chat(channel: Channel, name: str, *, bot: bool) -> Chat:
    return Chat.objects.create(
        id=f"webchat_{uuid.uuid4()}", channel=channel, name=name, metadata={} if bot else WITHOUT_BOT
    )


def _ask(chat: Chat, person: Person, text: str, at: datetime) -> None:
    event = MessageReceived(conversation=Conversation(chat_id=chat.pk), sender=person, text=text, timestamp=at)
    ingest(chat.channel, [event])  # after the commit the receivers run at once: UNICOM_EXECUTOR is "inline"
    Chat.objects.filter(pk=chat.pk).update(last_message_at=at)


def _answer(chat: Chat, text: str, at: datetime) -> None:
    _date(chat.send_message({"text": text}), at)


def _date(message: Message, at: datetime) -> None:
    """Make a message that was just sent look as old as its conversation."""
    Message.objects.filter(pk=message.pk).update(timestamp=at, time_sent=at, created_at=at)
    Chat.objects.filter(pk=message.chat_id, last_message=message).update(last_message_at=at)


def _conversation_with_staff(website: Channel, maya: Member) -> None:
    began = timezone.now() - timedelta(days=2, hours=3)
    chat = _chat(website, "Where is my order 1042?", bot=False)
    for minutes, person, text in (
        (0, MAYA, "Hi, where is my order 1042? It was to come yesterday."),
        (4, None, "Hello Maya, let me look. It left our warehouse on Monday and is with the carrier now."),
        (6, MAYA, "Thanks! Can it be left with my neighbour at number 12?"),
        (9, None, "Of course, I have told the carrier. You will get it tomorrow before noon."),
        (11, MAYA, "Perfect, thank you 🙏"),
    ):
        at = began + timedelta(minutes=minutes)
        if person is not None:
            _ask(chat, person, text, at)
        else:
            _answer(chat, text, at)
    Account.objects.filter(external_id=MAYA.external_id).update(member=maya)


def _conversation_with_bot(website: Channel) -> None:
    began = timezone.now() - timedelta(hours=20)
    chat = _chat(website, "What can you do?", bot=True)
    for minutes, text in ((0, "Hello"), (1, "What can you do?"), (3, "Show me buttons")):
        at = began + timedelta(minutes=minutes)
        _ask(chat, JONAS, text, at)
        reply = chat.messages.filter(is_outgoing=True).order_by("-seq").first()
        if reply is not None:
            _date(reply, at + timedelta(seconds=2))


def _spam(website: Channel) -> None:
    chat = _chat(website, "BEST PRICES", bot=False)
    _ask(chat, NOISY, "BEST PRICES for watches, click now!!!", timezone.now() - timedelta(days=1))
    Account.objects.filter(external_id=NOISY.external_id).update(blocked=True)


def _two_parties(internal: Channel) -> None:
    """Let the shop and its warehouse talk: no bot, no network, the rows are the delivery."""
    began = timezone.now() - timedelta(hours=5)
    chat = Chat.objects.create(
        id=f"internal_{internal.pk}_orders", channel=internal, external_id="orders", name="Orders", metadata=WITHOUT_BOT
    )
    for number, (sender, name, text) in enumerate(
        (
            ("shop", "Shop", "Order 1047: two teapots, one blue and one green. Are both in stock?"),
            ("warehouse", "Warehouse", "The blue one is. The green one comes on Thursday."),
            ("shop", "Shop", "Then please send both on Thursday."),
            ("warehouse", "Warehouse", "Noted. Parcel 88-1047, Thursday."),
        )
    ):
        at = began + timedelta(minutes=7 * number)
        internal.receive_message(
            {
                "id": f"order-1047-{number}",
                "chat": "orders",
                "sender": sender,
                "sender_name": name,
                "text": text,
                "timestamp": at.isoformat(),
            }
        )
        Chat.objects.filter(pk=chat.pk).update(last_message_at=at)


def _template_and_draft(website: Channel) -> None:
    template, _ = MessageTemplate.objects.get_or_create(
        title="Your order is on its way",
        defaults={
            "description": "To be sent when the carrier has the parcel.",
            "content": "<p>Good news, {{ variables.name }}: your order {{ variables.order }} is on its way.</p>",
            "category": "Orders",
        },
    )
    template.channels.add(website)
    chat = Chat.objects.filter(channel=website, name__startswith="Where is my order").first()
    if chat is not None:
        DraftMessage.objects.create(
            channel=website,
            chat_id=chat.pk,
            text="Dear Maya, did your order arrive in one piece?",
            send_at=timezone.now() + timedelta(days=1),
        )
