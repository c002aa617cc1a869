"""Answer what is asked about numbers, accounts, templates and the token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unicom.testing.whatsapp import templates
from unicom.testing.whatsapp.errors import Json, invalid, missing, unknown_object
from unicom.testing.whatsapp.world import Account, Number

if TYPE_CHECKING:
    from unicom.testing.whatsapp.api import Context


def node(context: Context) -> Json:
    """Return a number or an account with the fields that were asked for."""
    name = context.path[0]
    number = context.world.numbers.get(name)
    account = context.world.accounts.get(name)
    if number is not None:
        whole: Json = {
            "id": number.id, "display_phone_number": number.display, "verified_name": number.name,
            "quality_rating": number.quality, "status": number.status,
        }  # fmt: skip
    elif account is not None:
        whole = {"id": account.id, "name": "Shop", "owner_business_info": {"id": account.business_id, "name": "Shop"}}
    else:
        raise unknown_object(name)
    asked = [field for field in str(context.params.get("fields", "id")).split(",") if field]
    return {field: whole[field] for field in {*asked, "id"} if field in whole}


def debug_token(context: Context) -> Json:
    """Return what the token may do, and with which accounts."""
    settings = context.settings
    targets = sorted(context.world.accounts)
    granular = [{"scope": scope, "target_ids": targets} for scope in settings.scopes]
    return {
        "data": {
            "app_id": settings.app_id, "type": "SYSTEM_USER", "is_valid": True, "expires_at": 0,
            "scopes": list(settings.scopes), "granular_scopes": granular,
        }
    }  # fmt: skip


def subscriptions(context: Context) -> Json:
    """Return where the app's webhooks go, to the app itself."""
    settings = context.settings
    row = {
        "object": "whatsapp_business_account", "callback_url": settings.webhook_url, "active": True,
        "fields": [{"name": name, "version": "v26.0"} for name in settings.webhook_fields],
    }  # fmt: skip
    return {"data": [row] if settings.webhook_url else []}


def account_of(context: Context) -> Account:
    """Return the account a path begins with."""
    account = context.world.accounts.get(context.path[0])
    if account is None:
        raise unknown_object(context.path[0])
    return account


def number_of(context: Context) -> Number:
    """Return the number a path begins with."""
    number = context.world.numbers.get(context.path[0])
    if number is None:
        raise unknown_object(context.path[0])
    return number


def phone_numbers(context: Context) -> Json:
    """Return an account's numbers."""
    account = account_of(context)
    rows = [number for number in context.world.numbers.values() if number.account is account]
    return {"data": [{"id": number.id, "display_phone_number": number.display} for number in rows]}


def subscribed_apps(context: Context) -> Json:
    """Return the apps that get the account's webhooks."""
    account = account_of(context)
    app = {"whatsapp_business_api_data": {"id": context.settings.app_id, "name": "Shop app"}}
    return {"data": [app] if account.subscribed else []}


def subscribe(context: Context) -> Json:
    """Have the app get the account's webhooks."""
    account_of(context).subscribed = True
    return {"success": True}


def unsubscribe(context: Context) -> Json:
    """Have the app get them no more."""
    account_of(context).subscribed = False
    return {"success": True}


def message_templates(context: Context) -> Json:
    """Return an account's templates, a page at a time."""
    account = account_of(context)
    limit = min(int(context.params.get("limit", 25)), 250)
    start = int(context.params.get("after") or 0)
    rows = account.templates[start : start + limit]
    after = str(start + len(rows))
    answer: Json = {"data": rows, "paging": {"cursors": {"before": str(start), "after": after}}}
    if start + len(rows) < len(account.templates):
        answer["paging"]["next"] = f"{context.settings.base_url}/next"
    return answer


def create_template(context: Context) -> Json:
    """Add a template, which waits to be reviewed."""
    params: dict[str, Any] = context.params
    for name in ("name", "language", "category", "components"):
        if not params.get(name):
            raise missing(name)
    if not isinstance(params["components"], list):
        raise invalid("components must be a list")
    made = templates.make(
        context.world, account_of(context), params["name"], params["language"], params["components"],
        category=params["category"], status="PENDING",
    )  # fmt: skip
    return {"id": made["id"], "status": "PENDING", "category": made["category"]}
