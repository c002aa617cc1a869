"""An account finds its member by an equal, non-empty, verified contact, and by nothing else."""

from __future__ import annotations

import pytest

from unicom.inbound import ingest
from unicom.models import Account, AccountIdentity, Member, Request
from unicom.types import Conversation, Identity, MessageReceived, Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def meet(channel):
    """Return a function that has a person with these identities write for the first time."""

    def first_message(name: str, *identities: Identity) -> Account:
        event = MessageReceived(
            conversation=Conversation(external_id=name),
            sender=Person(external_id=name, name=name, identities=identities),
            text="hello",
        )
        ingest(channel, [event])
        return Account.objects.select_related("member").get(external_id=name)

    return first_message


def email(value: str, *, verified: bool = True) -> Identity:
    """Return an e-mail address as the platform tells it."""
    return Identity(kind="email", value=value, verified=verified)


def test_an_account_finds_its_member_by_a_verified_address(meet):
    """Whatever its case; and the request knows."""
    member = Member.objects.create(name="Ann", email="Ann@Example.com")
    assert meet("ann", email("ann@example.COM")).member == member
    assert Request.objects.get().member == member


def test_an_account_finds_its_member_by_a_verified_number(meet):
    """With its country code."""
    member = Member.objects.create(name="Ann", phone="+31612345678")
    assert meet("ann", Identity(kind="phone", value="+31612345678", verified=True)).member == member


def test_what_the_platform_does_not_vouch_for_proves_nothing(meet):
    """A contact card, a From line, a name."""
    Member.objects.create(name="ann", email="ann@example.com", phone="+31612345678")
    unproven = (email("ann@example.com", verified=False), Identity(kind="phone", value="+31612345678"))
    assert meet("ann", *unproven).member is None
    assert meet("eve", Identity(kind="username", value="ann@example.com", verified=True)).member is None


@pytest.mark.parametrize("blank", ["", " ", "\t"])
def test_known_failure_24_a_blank_contact_links_nobody(meet, blank):
    """Known failure 24: a blank e-mail linked a user to somebody else's Member."""
    Member.objects.create(name="Without address")
    Member.objects.create(name="Blank address", email=blank, phone=blank)
    assert meet("ann", email(blank), Identity(kind="phone", value=blank, verified=True)).member is None
    Member.objects.create(name="Another without address")
    assert Account.objects.get().member is None


def test_known_failure_24_a_user_with_a_blank_address_is_linked_to_nobody(meet, django_user_model):
    """Known failure 24: only the member that names this very user is theirs."""
    Member.objects.create(name="Without address")
    user = django_user_model.objects.create_user("ann", email="")
    event_of = Person(external_id=f"user_{user.pk}", user_id=user.pk)
    from unicom.arrivals import account
    from unicom.models import Channel

    web = Channel.objects.create(name="Web", platform="WebChat")
    assert account(web, event_of, "").member is None


def test_two_members_with_one_address_are_linked_to_nobody(meet):
    """Which of the two it is nobody can tell."""
    for name in ("Ann", "Bob"):
        Member.objects.create(name=name, email="family@example.com")
    assert meet("ann", email("family@example.com")).member is None


def test_an_inactive_member_is_not_found(meet):
    """An operator took them out."""
    Member.objects.create(name="Ann", email="ann@example.com", is_active=False)
    assert meet("ann", email("ann@example.com")).member is None


def test_a_member_saved_later_finds_the_accounts_that_are_theirs(meet):
    """By address, number or log-in; unverified ones and those of others stay."""
    proven = meet("ann", email("ann@example.com"))
    unproven = meet("eve", email("ann@example.com", verified=False))
    taken = meet("bob", email("ann@example.com"))
    Account.objects.filter(pk=taken.pk).update(member=Member.objects.create(name="Bob"))
    member = Member.objects.create(name="Ann", email="ANN@example.com")
    assert set(member.accounts.all()) == {proven}
    unproven.refresh_from_db()
    assert unproven.member is None


def test_a_second_member_with_the_address_takes_nothing_away(meet):
    """Rivals end the matter."""
    first = Member.objects.create(name="Ann", email="ann@example.com")
    account = meet("ann", email("ann@example.com"))
    assert account.member == first
    second = Member.objects.create(name="Ann too", email="ann@example.com")
    assert not second.accounts.exists()


def test_further_ids_are_kept_beside_the_account(meet):
    """(kind, scope, value), each once; the account's key never changes."""
    account = meet("ann", email("ann@example.com"), Identity(kind="bsuid", value="B1", scope="business-7"))
    assert account.pk == "memory_ann"
    assert set(AccountIdentity.objects.values_list("kind", "scope", "value", "verified")) == {
        ("email", "", "ann@example.com", True),
        ("bsuid", "business-7", "B1", False),
    }


def test_a_contact_the_platform_tells_later_is_kept_and_proves_the_member(meet):
    """The first message of a person need not carry all that later ones do."""
    member = Member.objects.create(name="Ann", email="ann@example.com")
    assert meet("ann").member is None
    assert meet("ann", email("ann@example.com")).member == member
