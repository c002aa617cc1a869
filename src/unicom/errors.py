"""Hold every exception this package raises.

::

    UnicomError
    ├── InvalidMessage (ValidationError)     what a caller asked to send cannot be sent; nothing was saved
    │   ├── UnsupportedFeature               the platform cannot do that
    │   └── IdempotencyConflict              the key was used before for something else
    ├── InvalidConfig (ValidationError)      a channel's config does not fit its platform
    ├── InvalidTool (ValidationError)        a tool, or a call of one, that cannot be; nothing was saved
    │   └── ToolCallAnswered                 the call has been answered already, with something else
    ├── ConfigurationError (ImproperlyConfigured)
    │   ├── UnknownPlatform (LookupError)
    │   └── EncryptionKeyError               a secret cannot be read with the keys at hand
    ├── TemplateProblem (ValueError)         a template that cannot be rendered, by line and variable
    ├── AuthenticationFailed (PermissionError)   a webhook that is not from whom it says
    ├── AnomalousPayload (ValueError)        an authenticated payload nobody can read
    ├── NotAccessible (LookupError)          it does not exist, or not for this account
    │   ├── AccountBlocked
    │   └── Expired
    ├── AudioError (ValueError)              a sound cannot be turned into MP3
    ├── ModelError                           a language model gave no answer
    │   └── RealModelForbidden               a test would have called a real one
    └── DeliveryError                        the platform did not take it (or may have)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from django.core.exceptions import ImproperlyConfigured, ValidationError


class UnicomError(Exception):
    """Be the parent of every exception of this package."""


class _Problems(UnicomError, ValidationError):
    """List every bad key with one sentence each, sorted by key."""

    problems: dict[str, str]

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(sorted(problems.items()))
        ValidationError.__init__(self, {key: [sentence] for key, sentence in self.problems.items()})

    def __str__(self) -> str:
        return "; ".join(f"{key}: {sentence}" for key, sentence in self.problems.items())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.problems!r})"


class InvalidMessage(_Problems):
    """Refuse a message before anything is saved; ``problems`` maps each bad key to a sentence."""


class UnsupportedFeature(InvalidMessage):
    """Refuse what the platform cannot do, naming the key that asked for it."""


class IdempotencyConflict(InvalidMessage):
    """Refuse a key that was used before for other content, naming what differs."""


class InvalidConfig(_Problems):
    """Refuse a channel's config; ``problems`` maps each bad key to a sentence."""


class InvalidTool(_Problems):
    """Refuse a tool, a call or a result that cannot be; ``problems`` maps each bad key to a sentence."""


class ToolCallAnswered(InvalidTool):
    """Refuse a second answer that differs from the first."""


class ConfigurationError(UnicomError, ImproperlyConfigured):
    """Report a setting that cannot work, with what would."""


class UnknownPlatform(ConfigurationError, LookupError):
    """Report a platform name that no adapter is registered for."""


class EncryptionKeyError(ConfigurationError):
    """Report a stored secret that none of the configured keys opens."""


class TemplateProblem(UnicomError, ValueError):
    """Say in one sentence why a template cannot be rendered, with the line and the variables that stand in it."""

    def __init__(self, sentence: str, *, line: int | None = None, names: Sequence[str] = ()) -> None:
        self.sentence, self.line, self.names = sentence, line, tuple(names)
        where = f"line {line}" if line is not None else ""
        if names:
            where = f"{where} ({', '.join(names)})" if where else ", ".join(names)
        super().__init__(f"{where}: {sentence}" if where else sentence)


class AuthenticationFailed(UnicomError, PermissionError):
    """Refuse a webhook whose sender cannot be proven; nothing is stored."""


class AnomalousPayload(UnicomError, ValueError):
    """Report an authenticated payload that has not the shape the platform documents."""


class NotAccessible(UnicomError, LookupError):
    """Say that an object does not exist for whoever asked, without telling which of the two."""


class AccountBlocked(NotAccessible):
    """Refuse an account that an operator has blocked."""


class Expired(NotAccessible):
    """Refuse something whose time has passed."""


class AudioError(UnicomError, ValueError):
    """Say why a sound cannot be turned into MP3: it is none, is broken, too long, or there is no decoder."""


class ModelError(UnicomError):
    """Say why a language model gave no answer, and whether asking again may help.

    ``retry_after`` is the provider's own waiting time; ``too_long``: the prompt has more tokens than the model takes.
    """

    def __init__(
        self,
        reason: str,
        *,
        retryable: bool = False,
        retry_after: timedelta | None = None,
        too_long: bool = False,
        code: str = "",
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = retryable or retry_after is not None
        self.retry_after = retry_after
        self.too_long = too_long
        self.code = code


class RealModelForbidden(ModelError):
    """Report a call that would have left this machine while real models are forbidden."""


class DeliveryError(UnicomError):
    """Tell the outbox why a part was not delivered, and what that means.

    Raised by :meth:`Adapter.deliver` alone and read by ``outbox.py`` alone. ``retryable``: the platform did not
    take it and may later. ``retry_after``: the platform's own waiting time. ``ambiguous``: it may have arrived.
    ``suppress``: this contact is not to be written to again, with the reason; ``suppress_scope`` names the kind of
    messages it is about, where not all. ``channel_down``: nothing of this
    channel can be delivered until an operator acts. ``moved_to``: the conversation has this new external id.
    ``bounced``: the address does not take mail; ``notes`` go into the message's raw.
    """

    def __init__(
        self,
        reason: str,
        *,
        retryable: bool = False,
        retry_after: timedelta | None = None,
        ambiguous: bool = False,
        suppress: str = "",
        suppress_scope: str = "",
        channel_down: bool = False,
        moved_to: str = "",
        bounced: bool = False,
        notes: Mapping[str, object] | None = None,
        code: str = "",
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = retryable or retry_after is not None
        self.retry_after = retry_after
        self.ambiguous = ambiguous
        self.suppress = suppress
        self.suppress_scope = suppress_scope
        self.channel_down = channel_down
        self.moved_to = moved_to
        self.bounced = bounced
        self.notes = dict(notes or {})
        self.code = code
