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
    _secret(api, config)
    account, scopes_known = _account(api, config)
    notes = [note for note in (_permissions(scopes_known), _health(number)) if note]
    found: dict[str, Any] = {}
    if account:
        found["BUSINESS_ACCOUNT_ID"] = account
        notes += _subscription(api, config, account, webhook_url, found)
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


def _secret(api: GraphApi, config: WhatsAppConfig) -> None:
    """Have WhatsApp check a proof made with the secret; of two, one has to be right."""
    token = config.ACCESS_TOKEN.get_secret_value().encode()
    for secret in config.app_secrets():
        proof = hmac.new(secret.encode(), token, hashlib.sha256).hexdigest()
        try:
            api.get(config.PHONE_NUMBER_ID, fields="id", appsecret_proof=proof)
            return
        except DeliveryError as error:
            if error.code != "100":
                raise
    raise InvalidConfig(
        {"APP_SECRET": "it is not the secret of the token's app; copy it from App Dashboard > App settings > Basic"}
    )


def _account(api: GraphApi, config: WhatsAppConfig) -> tuple[str, set[str] | None]:
    """Return the account the number belongs to, and what the token may do, as far as WhatsApp tells."""
    token = config.ACCESS_TOKEN.get_secret_value()
    try:
        data = api.get("debug_token", input_token=token).get("data")
    except DeliveryError as error:
        if error.retryable or error.ambiguous:
            raise
        data = None  # not every token may look at itself
    told: dict[str, Any] = data if isinstance(data, dict) else {}
    named = told.get("scopes")
    scopes = {scope for scope in named if isinstance(scope, str)} if isinstance(named, list) else None
    if config.BUSINESS_ACCOUNT_ID:
        if not _has_number(api, config.BUSINESS_ACCOUNT_ID, config.PHONE_NUMBER_ID):
            raise InvalidConfig(
                {
                    "BUSINESS_ACCOUNT_ID": f"the number {config.PHONE_NUMBER_ID} is not one of this account's; "
                    f"leave it out to have it found, or see {_MANAGER}"
                }
            )
        return config.BUSINESS_ACCOUNT_ID, scopes
    for account in _granted(told):
        if _has_number(api, account, config.PHONE_NUMBER_ID):
            return account, scopes
    return "", scopes


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


def _subscription(
    api: GraphApi, config: WhatsAppConfig, account: str, webhook_url: str, found: dict[str, Any]
) -> list[str]:
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
    if not webhook_url.startswith("https://"):
        return ["No webhook: set DJANGO_PUBLIC_ORIGIN to the https address of the site; WhatsApp calls no other."]
    return [
        f"The callback URL under App Dashboard > WhatsApp > Configuration must be {webhook_url}, with this channel's "
        "VERIFY_TOKEN and the field messages subscribed."
    ]


def _permissions(scopes: set[str] | None) -> str:
    missing = [name for name in NEEDED if scopes is not None and name not in scopes]
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
