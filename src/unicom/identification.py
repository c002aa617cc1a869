"""Find the member behind an account: by an equal, non-empty contact that the platform vouches for, or by log-in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django.db.models import Q

from unicom.models.account import Account, AccountIdentity
from unicom.models.member import Member

CONTACTS = ("email", "phone")


def _is(kind: str, value: str) -> Q:
    return Q(phone__in=_spellings(value)) if kind == "phone" else Q(email__iexact=value)


def _spellings(phone: str) -> set[str]:
    """Return the forms in which platforms and people write a number: with the plus sign and without."""
    digits = re.sub(r"[\s()./-]", "", phone).removeprefix("+")
    return {phone, digits, f"+{digits}"} if digits.isdigit() else {phone}


def find_member(account: Account, *, user_id: Any = None) -> Member | None:
    """Return the one active member whose contact an account proves; None where there is none or more than one."""
    if user_id is not None:
        return Member.objects.filter(user_id=user_id, is_active=True).first()
    return member_of(account.identities.filter(verified=True, kind__in=CONTACTS).values_list("kind", "value"))


def member_of(contacts: Iterable[tuple[str, str]]) -> Member | None:
    """Return the one active member who has one of these proven contacts; None where there is none or more than one."""
    found: set[Member] = set()
    for kind, value in contacts:
        if kind in CONTACTS and (plain := value.strip()):
            found |= set(Member.objects.filter(_is(kind, plain), is_active=True)[:2])
    return found.pop() if len(found) == 1 else None


def claim_accounts(member: Member) -> None:
    """Give a member the accounts that are theirs and have no member yet."""
    if not member.is_active:
        return
    if member.user_id is not None:
        Account.objects.filter(
            member__isnull=True, identities__kind="user", identities__value=str(member.user_id)
        ).update(member=member)
    for kind, value in (("email", member.email.strip()), ("phone", member.phone.strip())):
        if not value:
            continue
        rivals = Member.objects.filter(_is(kind, value), is_active=True).exclude(pk=member.pk)
        if rivals.exists():
            continue
        spelt = Q(value__in=_spellings(value)) if kind == "phone" else Q(value__iexact=value)
        theirs = AccountIdentity.objects.filter(spelt, kind=kind, verified=True).values("account_id")
        Account.objects.filter(member__isnull=True, pk__in=theirs).update(member=member)
