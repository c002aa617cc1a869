"""Find the member behind an account: by an equal, non-empty contact that the platform vouches for, or by log-in."""

from __future__ import annotations

from typing import Any

from unicom.models.account import Account, AccountIdentity
from unicom.models.member import Member

CONTACTS = {"email": "email__iexact", "phone": "phone"}


def find_member(account: Account, *, user_id: Any = None) -> Member | None:
    """Return the one active member whose contact an account proves; None where there is none or more than one."""
    if user_id is not None:
        return Member.objects.filter(user_id=user_id, is_active=True).first()
    found: set[Member] = set()
    for identity in account.identities.filter(verified=True, kind__in=CONTACTS):
        if value := identity.value.strip():
            found |= set(Member.objects.filter(**{CONTACTS[identity.kind]: value}, is_active=True)[:2])
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
        rivals = Member.objects.filter(**{CONTACTS[kind]: value}, is_active=True).exclude(pk=member.pk)
        if rivals.exists():
            continue
        theirs = AccountIdentity.objects.filter(kind=kind, value__iexact=value, verified=True).values("account_id")
        Account.objects.filter(member__isnull=True, pk__in=theirs).update(member=member)
