"""Encrypt secrets at rest with MultiFernet, naming the key each value was written with."""

from __future__ import annotations

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from unicom.conf import settings
from unicom.errors import EncryptionKeyError
from unicom.ids import digest

MARK = "unicom1"


@lru_cache(maxsize=32)
def _fernet(secret: str) -> tuple[str, Fernet]:
    """Return a key's id and its cipher; a key that is not a Fernet key is stretched to one."""
    try:
        cipher = Fernet(secret)
    except ValueError:
        raw = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"unicom secrets").derive(secret.encode())
        cipher = Fernet(base64.urlsafe_b64encode(raw))
    return digest(f"unicom key id:{secret}", 8), cipher


def _keys() -> list[tuple[str, Fernet]]:
    keys = settings.UNICOM_ENCRYPTION_KEYS or settings.secret_keys
    return [_fernet(key) for key in keys]


def encrypt(plain: str) -> str:
    """Return ``plain`` encrypted with the current key."""
    key_id, cipher = _keys()[0]
    return f"{MARK}:{key_id}:{cipher.encrypt(plain.encode()).decode()}"


def decrypt(stored: str) -> str:
    """Return what was encrypted; raises EncryptionKeyError where no key of ours opens it."""
    return _opened(stored, tuple(settings.UNICOM_ENCRYPTION_KEYS or settings.secret_keys))


# A channel's config is read with each message it sends.
@lru_cache(maxsize=256)
def _opened(stored: str, keys: tuple[str, ...]) -> str:
    mark, _, rest = stored.partition(":")
    key_id, _, token = rest.partition(":")
    if mark != MARK or not token:
        raise EncryptionKeyError("A stored secret is not encrypted as ours are; restore it or enter it again.")
    for known, cipher in map(_fernet, keys):
        if known == key_id:
            try:
                return cipher.decrypt(token.encode()).decode()
            except InvalidToken:
                raise EncryptionKeyError(f"A stored secret written with key {key_id} is damaged.") from None
    raise EncryptionKeyError(
        f"A stored secret was written with key {key_id}, which is not at hand. Put that key back into "
        "UNICOM_ENCRYPTION_KEYS (or SECRET_KEY_FALLBACKS), run `manage.py unicom_rotate_keys`, then remove it."
    )


def is_current(stored: str) -> bool:
    """Tell whether a value was written with the key that encrypts now."""
    return stored.startswith(f"{MARK}:{_keys()[0][0]}:")
