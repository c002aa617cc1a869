"""Give visitors of other sites' pages their tokens: to guests, and to whom such a site vouches for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from unicom.errors import InvalidMessage
from unicom.models import Account, AccountIdentity, Channel
from unicom.platforms.webchat import access, guests, origins, tokens
from unicom.platforms.webchat.bearers import OriginRefused, admit, config_of
from unicom.platforms.webchat.limiting import address_of, take
from unicom.platforms.webchat.parameters import Problems, json_body, text_of
from unicom.platforms.webchat.responses import endpoint
from unicom.platforms.webchat.tokens import Pass, TokenRefused
from unicom.platforms.webchat.visitors import account_id, identified_external_id
from unicom.rows import insert_if_absent

LONGEST_NAME = 100


@endpoint("POST", gives_tokens=True)
def token(request: HttpRequest) -> HttpResponseBase:
    """Give a token: to a new guest, to one who brings their old, or to somebody with a proof of who they are."""
    data = json_body(request)
    problems: Problems = {}
    old = text_of(data, "token", problems, longest=tokens.LONGEST)
    identifier = text_of(data, "identifier", problems)
    proof = text_of(data, "identifier_hash", problems)
    name = text_of(data, "name", problems, longest=LONGEST_NAME).strip()
    if bool(identifier) != bool(proof):
        problems["identifier_hash" if identifier else "identifier"] = "an identifier and its hash belong together"
    if problems:
        raise InvalidMessage(problems)
    channel = access.access_channel(data.get("channel_id"))
    _check_origin(request, channel, is_identified=bool(identifier))
    guest = _guest_of(request, channel, old)
    if identifier:
        item = _identified(request, channel, identifier, proof, name=name, guest=guest)
    else:
        if guest is None:
            take("guests", address_of(request))
        item = tokens.for_guest(
            channel.pk, secret=guest.secret if guest else "", name=name or getattr(guest, "name", "")
        )
    return JsonResponse(
        {
            "success": True,
            "token": tokens.write(item),
            "expires_at": datetime.fromtimestamp(item.expires_at, UTC).isoformat(),
            "visitor": "guest" if item.is_guest else "identified",
        }
    )


def _check_origin(request: HttpRequest, channel: Channel, *, is_identified: bool) -> None:
    """Raise OriginRefused for a page the channel is not for, and for a program that proves nothing."""
    origin = request.headers.get("Origin")
    if origin is None:
        if not is_identified:
            raise OriginRefused("Outside a page a token is given for an identifier and its hash alone.")
    elif not origins.is_ours(origin, request.get_host()) and not origins.is_among(
        origin, config_of(channel).ALLOWED_ORIGINS
    ):
        raise OriginRefused("Pages of this site may not show this web chat.")


def _guest_of(request: HttpRequest, channel: Channel, old: str) -> Pass | None:
    """Return the pass of a guest of this channel who brings a token that still counts; None for any other."""
    if not old:
        return None
    try:
        item = tokens.read(old)
        admit(item, origin=None, host="")
    except TokenRefused:
        return None
    return item if item.is_guest and item.channel_id == channel.pk else None


def _identified(
    request: HttpRequest, channel: Channel, identifier: str, proof: str, *, name: str, guest: Pass | None
) -> Pass:
    external_id = identified_external_id(channel.pk, identifier)
    is_proven = config_of(channel).proves(identifier, proof)
    if not is_proven or not Account.objects.filter(pk=account_id(external_id)).exists():
        take("guests", address_of(request))
    if not is_proven:
        raise PermissionError("The hash does not prove this identifier.")
    with transaction.atomic():
        account = _account(channel, external_id, identifier, name)
        if guest is not None:
            guests.become(guest.external_id, account)
    return tokens.for_identified(channel.pk, external_id)


def _account(channel: Channel, external_id: str, identifier: str, name: str) -> Account:
    """Return the account of somebody identified, made at the first proof; its name is kept up to date."""
    values: dict[str, Any] = {"platform": channel.platform, "external_id": external_id, "username": identifier}
    row = Account(id=account_id(external_id), name=name or identifier, **values)
    if insert_if_absent(row):
        identity = {"kind": "identifier", "scope": str(channel.pk), "value": identifier, "verified": True}
        insert_if_absent(AccountIdentity(account=row, **identity))
    account = Account.objects.select_for_update().get(pk=row.pk)
    if name and account.name != name:
        account.name = name
        account.save(update_fields=["name"])
    return account
