"""Check a number's credentials step by step, and say where to find what is missing."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from unicom.errors import DeliveryError, InvalidConfig
from unicom.platforms.whatsapp.api import GraphApi
from unicom.platforms.whatsapp.config import WhatsAppConfig
from unicom.platforms.whatsapp.errors import TOKEN
from unicom.types import Setup

NEEDED = ("whatsapp_business_messaging", "whatsapp_business_management")
_MANAGER = "WhatsApp Manager > Account tools > Phone numbers"


def check(api: GraphApi, config: WhatsAppConfig, webhook_url: str) -> Setup:
    """Check token, number, secret and subscription, in this order; raises InvalidConfig or DeliveryError."""
    number = _number(api, config)
    secret = _secret(api, config)
    told = _token(api, config)
    account = _account(api, config, told)
    notes = [note for note in (_permissions(told), _health(number), _callback(api, told, secret, webhook_url)) if note]
    found: dict[str, Any] = {}
    if account:
        found["BUSINESS_ACCOUNT_ID"] = account
        _subscribe(api, config, account, found)
    else:
        notes.append(
            "Templates cannot be read, and whether webhooks are subscribed cannot be told: set BUSINESS_ACCOUNT_ID, "
            "which is shown beside the number's id under App Dashboard > WhatsApp > API Setup."
        )
    found = {key: value for key, value in found.items() if getattr(config, key) != value}
    return Setup(external_id=config.PHONE_NUMBER_ID, config=found, note=" ".join(notes))


def _number(api: GraphApi, config: WhatsAppConfig) -> dict[str, Any]:
    fields = "id,display_phone_number,verified_name,quality_rating,status"
    try:
        return api.get(config.PHONE_NUMBER_ID, fields=fields)
    except DeliveryError as error:
        if error.code in ("190", "0", "http_401"):
            raise InvalidConfig({"ACCESS_TOKEN": f"WhatsApp does not accept it: {TOKEN}"}) from None
        if error.code in ("33", "100", "803"):
            raise InvalidConfig(
                {
                    "PHONE_NUMBER_ID": f"{config.PHONE_NUMBER_ID!r} is no number this token may use; copy the phone "
                    "number ID (not the number) from App Dashboard > WhatsApp > API Setup, and assign the WhatsApp "
                    "account to the token's system user"
                }
            ) from None
        raise


def _secret(api: GraphApi, config: WhatsAppConfig) -> str:
    """Have WhatsApp check a proof made with the secret; of two, one has to be right, and is returned."""
    token = config.ACCESS_TOKEN.get_secret_value().encode()
    for secret in config.app_secrets():
        proof = hmac.new(secret.encode(), token, hashlib.sha256).hexdigest()
        try:
            api.get(config.PHONE_NUMBER_ID, fields="id", appsecret_proof=proof)
            return secret
        except DeliveryError as error:
            if error.code != "100":
                raise
    raise InvalidConfig(
        {"APP_SECRET": "it is not the secret of the token's app; copy it from App Dashboard > App settings > Basic"}
    )


def _token(api: GraphApi, config: WhatsAppConfig) -> dict[str, Any]:
    """Return what WhatsApp tells of the token: its app, what it may do, and with which accounts."""
    token = config.ACCESS_TOKEN.get_secret_value()
    try:
        data = api.get("debug_token", input_token=token).get("data")
    except DeliveryError as error:
        if error.retryable or error.ambiguous:
            raise
        data = None  # not every token may look at itself
    return data if isinstance(data, dict) else {}


def _account(api: GraphApi, config: WhatsAppConfig, told: dict[str, Any]) -> str:
    """Return the account the number belongs to; empty where it is neither given nor told."""
    if config.BUSINESS_ACCOUNT_ID:
        if not _has_number(api, config.BUSINESS_ACCOUNT_ID, config.PHONE_NUMBER_ID):
            raise InvalidConfig(
                {
                    "BUSINESS_ACCOUNT_ID": f"the number {config.PHONE_NUMBER_ID} is not one of this account's; "
                    f"leave it out to have it found, or see {_MANAGER}"
                }
            )
        return config.BUSINESS_ACCOUNT_ID
    owned = (account for account in _granted(told) if _has_number(api, account, config.PHONE_NUMBER_ID))
    return next(owned, "")


def _granted(told: dict[str, Any]) -> list[str]:
    granted = told.get("granular_scopes")
    found: list[str] = []
    for item in granted if isinstance(granted, list) else []:
        if isinstance(item, dict) and item.get("scope") in NEEDED and isinstance(item.get("target_ids"), list):
            found += [str(target) for target in item["target_ids"] if str(target).isdigit()]
    return list(dict.fromkeys(found))


def _has_number(api: GraphApi, account: str, number: str) -> bool:
    try:
        rows = pages(api, f"{account}/phone_numbers", fields="id")
    except DeliveryError as error:
        if error.retryable or error.ambiguous:
            raise
        return False
    return any(row.get("id") == number for row in rows)


def pages(api: GraphApi, path: str, **params: str) -> list[dict[str, Any]]:
    """Return all rows of an edge, page by page."""
    rows: list[dict[str, Any]] = []
    after = ""
    for _ in range(200):
        answer = api.get(path, **params, **({"after": after} if after else {}))
        data = answer.get("data")
        rows += [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []
        paging = answer.get("paging")
        cursors = paging.get("cursors") if isinstance(paging, dict) and paging.get("next") else None
        after = str(cursors.get("after") or "") if isinstance(cursors, dict) else ""
        if not after:
            break
    return rows


def _subscribe(api: GraphApi, config: WhatsAppConfig, account: str, found: dict[str, Any]) -> None:
    """Subscribe the app to the account where it is not, and find the portfolio the account belongs to."""
    if not config.BUSINESS_ID:
        try:
            owner = api.get(account, fields="id,owner_business_info").get("owner_business_info")
        except DeliveryError as error:
            if error.retryable or error.ambiguous:
                raise
            owner = None
        if isinstance(owner, dict) and str(owner.get("id", "")).isdigit():
            found["BUSINESS_ID"] = str(owner["id"])
    if not api.get(f"{account}/subscribed_apps").get("data"):
        api.post(f"{account}/subscribed_apps", {})


def _callback(api: GraphApi, told: dict[str, Any], secret: str, webhook_url: str) -> str:
    """Compare where the app's webhooks go with where they should; empty where all is well."""
    if not webhook_url.startswith("https://"):
        return "No webhook: set DJANGO_PUBLIC_ORIGIN to the https address of the site; WhatsApp calls no other."
    app_id = str(told.get("app_id") or "")
    known: Any = None
    if app_id.isdigit():
        try:
            known = api.as_app(app_id, secret).get(f"{app_id}/subscriptions").get("data")
        except DeliveryError as error:
            if error.retryable or error.ambiguous:
                raise
    rows = [row for row in known if isinstance(row, dict)] if isinstance(known, list) else []
    row = next((row for row in rows if row.get("object") == "whatsapp_business_account"), {})
    named = row.get("fields")
    fields = {item.get("name") for item in named if isinstance(item, dict)} if isinstance(named, list) else set()
    there = "App Dashboard > WhatsApp > Configuration"
    address = str(row.get("callback_url") or "")
    if address.rstrip("/") != webhook_url.rstrip("/"):
        now = f"WhatsApp calls {address}. " if address else ""
        return (
            f"{now}The callback URL under {there} must be {webhook_url}, with this channel's VERIFY_TOKEN and the "
            "field messages subscribed."
        )
    return "" if "messages" in fields else f"Subscribe the field messages under {there}; without it nothing comes in."


def _permissions(told: dict[str, Any]) -> str:
    named = told.get("scopes")
    missing = [name for name in NEEDED if isinstance(named, list) and name not in named]
    if not missing:
        return ""
    return f"The token lacks {' and '.join(missing)}; make a new one under Business Settings > Users > System users."


def _health(number: dict[str, Any]) -> str:
    status, quality = str(number.get("status") or "").upper(), str(number.get("quality_rating") or "").upper()
    said = []
    if status and status not in ("CONNECTED", "PENDING"):
        said.append(f"the number is {status.lower()}")
    if quality == "RED":
        said.append("its quality is low")
    return f"WhatsApp says that {' and '.join(said)}; see {_MANAGER}." if said else ""
