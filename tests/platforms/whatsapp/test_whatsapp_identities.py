"""Hold who is who: numbers and business-scoped ids of one account, linked, changed, joined and told apart."""

from __future__ import annotations

import itertools

import pytest

from tests.platforms.whatsapp.conftest import make_channel, post
from unicom.models import Account, AccountIdentity, Chat, Delivery, Message, Request
from unicom.testing.draining import drain


@pytest.fixture
def number(whatsapp):
    """Return a number with a template to open conversations with."""
    number = whatsapp.add_number()
    whatsapp.add_template(number, "hello_world", "Hello World")
    return number


def ids(account: Account) -> set[tuple[str, str]]:
    """Return an account's ids."""
    return set(account.identities.values_list("kind", "value"))


def history(chat: Chat) -> list[str]:
    """Return a chat's texts in order, and make sure that they are numbered."""
    rows = list(chat.messages.exclude(seq=None).order_by("seq").values_list("seq", "text"))
    assert [seq for seq, _ in rows] == list(range(1, len(rows) + 1))
    return [text for _, text in rows]


def test_wa22_number_and_id_are_ids_of_one_account_the_id_within_its_portfolio(greeted, channel, number, ann):
    account = Account.objects.get()
    assert ids(account) == {("phone", ann.phone), ("bsuid", ann.user_id(number))}
    scopes = dict(account.identities.values_list("kind", "scope"))
    assert scopes == {"phone": "", "bsuid": number.account.business_id}
    channel.refresh_from_db()
    assert channel.config["BUSINESS_ID"] == number.account.business_id


def test_wa22_who_hides_the_number_later_is_still_the_same(greeted, number, ann, deliver, whatsapp):
    ann.person.hides_phone = True
    ann.sends(number, "Now by username")
    deliver()
    assert Account.objects.count() == Chat.objects.count() == 1
    assert history(greeted.chat) == ["Hello", "Now by username"]


def test_wa22_who_shows_the_number_later_is_still_the_same(channel, number, whatsapp, deliver):
    eve = whatsapp.user("Eve", hides_phone=True)
    eve.sends(number, "By id")
    deliver()
    eve.person.hides_phone = False
    eve.sends(number, "By number too")
    deliver()
    account = Account.objects.get()
    assert account.pk == f"whatsapp_{eve.user_id(number)}", "a key never changes"
    assert ids(account) == {("phone", eve.phone), ("bsuid", eve.user_id(number))}
    assert history(Chat.objects.get()) == ["By id", "By number too"]


def test_wa22_a_number_we_wrote_to_first_is_linked_by_the_status(channel, number, ann, deliver):
    message = channel.send_message({"chat_id": ann.phone, "template": "hello_world"})
    drain()
    deliver()
    ann.person.hides_phone = True
    ann.sends(number, "Who is this?")
    deliver()
    chat = Chat.objects.get()
    assert chat == message.chat
    assert history(chat) == ["Hello World", "Who is this?"]
    assert ids(Account.objects.get()) == {("phone", ann.phone), ("bsuid", ann.user_id(number))}


def test_wa22_a_payload_without_any_user_id_still_works(channel, number, whatsapp, deliver):
    bob = whatsapp.user("Bob", shows_user_id=False)
    bob.sends(number, "As in 2024")
    deliver()
    assert ids(Account.objects.get()) == {("phone", bob.phone)}


def test_wa22_one_person_is_one_account_for_all_numbers(channel, whatsapp, number, ann, deliver):
    second = make_channel(whatsapp, whatsapp.add_number())
    ann.sends(number, "to one")
    ann.sends(whatsapp.numbers[second.external_id], "to the other")
    deliver()
    account = Account.objects.get()
    assert account.chats.count() == 2
    assert account.identities.filter(kind="bsuid").count() == 2, "one id for each business"


def test_wa22_a_new_number_and_its_new_id_take_the_place_of_the_old(greeted, number, ann, deliver, whatsapp):
    old_phone = ann.phone
    ann.changes_number([number], "4917099999999")
    assert deliver() == [200]
    account, chat = Account.objects.get(), Chat.objects.get()
    assert ids(account) == {("phone", "4917099999999"), ("bsuid", ann.user_id(number))}
    assert (account.pk, chat.pk, chat.external_id) == (
        f"whatsapp_{old_phone}", greeted.chat_id, "4917099999999",
    )  # fmt: skip
    answer = greeted.reply_with({"text": "Still you?"})
    drain()
    answer.refresh_from_db()
    assert answer.status == "sent", answer.error
    assert whatsapp.log.sent()[-1].params["to"] == "4917099999999"
    ann.sends(number, "Still me")
    deliver()
    assert history(chat) == ["Hello", "Still you?", "Still me"]


def test_wa22_an_id_alone_changes_too(channel, number, whatsapp, deliver):
    eve = whatsapp.user("Eve", hides_phone=True)
    eve.sends(number, "One")
    deliver()
    eve.changes_number([number], "4917088888888")
    eve.sends(number, "Two")
    deliver()
    assert ids(Account.objects.get()) == {("bsuid", eve.user_id(number))}
    assert history(Chat.objects.get()) == ["One", "Two"]
    assert Chat.objects.get().external_id == eve.user_id(number)


def test_wa22_a_change_told_after_the_first_message_under_the_new_number_joins_both(
    greeted, number, ann, client, whatsapp, deliver
):
    ann.changes_number([number], "4917099999999")
    ann.sends(number, "From the new one")
    change, message = whatsapp.pending()
    assert post(client, message.body, message.headers) == 200
    drain()
    assert Account.objects.count() == 2, "nobody can know yet"
    assert post(client, change.body, change.headers) == 200
    drain()
    account, chat = Account.objects.get(), Chat.objects.get()
    assert ids(account) == {("phone", "4917099999999"), ("bsuid", ann.user_id(number))}
    assert history(chat) == ["Hello", "From the new one"]
    assert set(Request.objects.values_list("account", "chat")) == {(account.pk, chat.pk)}


def test_wa22_a_change_of_somebody_unknown_does_nothing(channel, number, ann, deliver):
    ann.changes_number([number], "4917099999999")
    assert deliver() == [200]
    assert not Account.objects.exists()


def test_wa22_a_number_that_passed_to_somebody_else_shows_them_nothing_of_the_past(
    greeted, number, ann, whatsapp, deliver
):
    phone, old_id = ann.phone, ann.user_id(number)
    ann.person.phone = "0"  # she is gone, and WhatsApp told nobody
    new = whatsapp.user("Newcomer", phone=phone)
    new.person.renewals = 7
    new.sends(number, "I am new here")
    deliver()
    former, newcomer = Account.objects.order_by("created_at")
    assert ids(former) == {("bsuid", old_id)}
    assert ids(newcomer) == {("phone", phone), ("bsuid", new.user_id(number))}
    chat = newcomer.chats.get()
    assert history(chat) == ["I am new here"]
    assert history(greeted.chat) == ["Hello"]
    greeted.chat.refresh_from_db()
    assert greeted.chat.external_id == old_id, "what is written there goes to the former owner"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_wa22_two_accounts_that_turn_out_to_be_one_are_joined_in_any_order(
    channel, number, whatsapp, client, deliver, order
):
    person = whatsapp.user("Zoe", shows_user_id=False)
    person.sends(number, "by number", at=1_790_000_001)
    person.person.hides_phone = True
    person.sends(number, "by id", at=1_790_000_002)
    person.person.hides_phone, person.person.shows_user_id = False, True
    person.sends(number, "by both", at=1_790_000_003)
    webhooks = whatsapp.pending()
    for place in order:
        assert post(client, webhooks[place].body, webhooks[place].headers) == 200
        drain()
    assert ids(Account.objects.get()) == {("phone", person.phone), ("bsuid", person.user_id(number))}
    assert sorted(history(Chat.objects.get())) == ["by both", "by id", "by number"]
    assert Request.objects.count() == 3


def test_what_waits_in_a_chat_that_is_joined_is_still_delivered_in_order(
    channel, number, whatsapp, client, deliver, settings
):
    person = whatsapp.user("Zoe", shows_user_id=False)
    person.sends(number, "by number")
    person.person.hides_phone = True
    person.sends(number, "by id")
    deliver()
    first, second = Message.objects.filter(is_outgoing=False).order_by("timestamp", "pk")
    for count in range(2):
        first.reply_with({"text": f"to the number {count}"})
        second.reply_with({"text": f"to the id {count}"})
    person.person.hides_phone, person.person.shows_user_id = False, True
    person.sends(number, "by both")
    [both] = whatsapp.pending()
    assert post(client, both.body, both.headers) == 200
    drain()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}
    assert Chat.objects.count() == 1
    arrived = [item.text for item in person.inbox(number)]
    assert sorted(arrived) == sorted(f"to the {name} {count}" for name in ("number", "id") for count in range(2))
    for name in ("number", "id"):
        assert arrived.index(f"to the {name} 0") < arrived.index(f"to the {name} 1")


def test_joining_keeps_a_block_and_the_member(channel, number, whatsapp, deliver, client):
    from tests.platforms.whatsapp.conftest import post
    from unicom.models import Member

    person = whatsapp.user("Zoe", shows_user_id=False)
    person.sends(number, "by number")
    person.person.hides_phone = True
    person.sends(number, "by id")
    deliver()
    by_number, by_id = Account.objects.order_by("created_at")
    member = Member.objects.create(name="Zoe")
    Account.objects.filter(pk=by_id.pk).update(blocked=True, member=member)
    person.person.hides_phone, person.person.shows_user_id = False, True
    person.sends(number, "by both")
    [both] = whatsapp.pending()
    assert post(client, both.body, both.headers) == 200
    drain()
    account = Account.objects.get()
    assert (account.pk, account.blocked, account.member) == (by_number.pk, True, member)


def test_a_send_to_a_number_finds_the_chat_that_is_known_by_id(channel, number, whatsapp, deliver):
    eve = whatsapp.user("Eve", hides_phone=True)
    eve.sends(number, "By id")
    eve.person.hides_phone = False
    eve.sends(number, "By both")
    deliver()
    message = channel.send_message({"chat_id": f"+{eve.phone}", "text": "Hello Eve"})
    assert message.chat == Chat.objects.get()


def test_wa22_a_message_that_needs_a_number_says_so(channel, number, whatsapp, deliver):
    eve = whatsapp.user("Eve", hides_phone=True)
    eve.sends(number, "By id")
    deliver()
    whatsapp.fail("messages", error=131062)
    message = Chat.objects.get().send_message({"text": "Your code is 1"})
    drain()
    message.refresh_from_db()
    assert message.status == "failed"
    assert "needs a phone number" in message.error


def test_the_cost_of_knowing_somebody_is_bounded(greeted, number, ann, client, whatsapp, django_assert_max_num_queries):
    ann.sends(number, "Again")
    [webhook] = whatsapp.pending()
    with django_assert_max_num_queries(24):
        assert post(client, webhook.body, webhook.headers) == 200
    assert AccountIdentity.objects.count() == 2


@pytest.mark.parametrize("spelling", ["+{}", "{}"])
def test_a_member_is_known_by_the_number_however_it_is_written(channel, number, ann, deliver, spelling):
    from unicom.models import Member

    member = Member.objects.create(name="Ann", phone=spelling.format(ann.phone))
    ann.sends(number, "Hello")
    deliver()
    assert Account.objects.get().member == member
