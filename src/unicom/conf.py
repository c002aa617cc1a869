"""Read settings and environment, lazily and typed; nothing else in the package touches either."""

from __future__ import annotations

import os
import re
import sys
from typing import Any

from django.conf import settings as _django

from unicom.errors import ConfigurationError

EXECUTORS = ("inline", "worker", "celery", "tasks")
VISITOR_LIMITS: dict[str, tuple[int, float]] = {
    "messages": (60, 60),
    "chats": (60, 3_600),
    "upload_bytes": (500_000_000, 86_400),
    "clicks": (60, 60),
    "searches": (30, 60),
    "guests": (200, 3_600),
}
STRICTNESS = ("strict", "moderate", "lenient")


def _setting(name: str, default: Any = None) -> Any:
    return getattr(_django, name, default)


def _is_limit(key: Any, value: Any) -> bool:
    if key not in VISITOR_LIMITS:
        return False
    if value is None:
        return True
    if not isinstance(value, list | tuple) or len(value) != 2:
        return False
    return all(isinstance(part, int | float) and not isinstance(part, bool) and part > 0 for part in value)


def _documented(name: str, default: str = "") -> str:
    """Look into the settings, then into the environment, as documented for these names."""
    return str(_setting(name) or os.environ.get(name) or default)


class UnicomSettings:
    """Hold every setting with its default; each is read anew, so ``override_settings`` works."""

    @property
    def DJANGO_PUBLIC_ORIGIN(self) -> str:
        """Where the site is reached from outside, without a slash at the end."""
        return _documented("DJANGO_PUBLIC_ORIGIN").rstrip("/")

    @property
    def UNICOM_EXECUTOR(self) -> str:
        """Who runs what is due: ``inline`` (the caller, after the commit), ``worker``, ``celery`` or ``tasks``."""
        value = _setting("UNICOM_EXECUTOR", "inline")
        if value not in EXECUTORS:
            raise ConfigurationError(f"UNICOM_EXECUTOR: {value!r} is not one of {', '.join(EXECUTORS)}.")
        return str(value)

    @property
    def UNICOM_PLATFORMS(self) -> dict[str, str]:
        """Further platforms: name → dotted path of an Adapter; a built-in may be replaced or, with None, removed."""
        return dict(_setting("UNICOM_PLATFORMS", {}))

    @property
    def UNICOM_ENCRYPTION_KEYS(self) -> list[str]:
        """Keys for secrets at rest, the first encrypts; empty: derived from SECRET_KEY and its fallbacks."""
        keys = _setting("UNICOM_ENCRYPTION_KEYS", [])
        if not isinstance(keys, list | tuple) or not all(isinstance(key, str) and key.strip() for key in keys):
            raise ConfigurationError("UNICOM_ENCRYPTION_KEYS: a list of texts is needed, none of them empty.")
        return list(keys)

    @property
    def UNICOM_LISTEN_DSN(self) -> str:
        """A direct PostgreSQL connection for LISTEN, where the site's own goes through a pooler; ``off`` only polls."""
        return str(_setting("UNICOM_LISTEN_DSN", "") or "")

    @property
    def UNICOM_TELEGRAM_API_URL(self) -> str:
        """Where the Bot API is; a self-hosted server or the fake."""
        return str(_setting("UNICOM_TELEGRAM_API_URL", "https://api.telegram.org")).rstrip("/")

    @property
    def UNICOM_WHATSAPP_API_URL(self) -> str:
        """Where the Graph API is; the fake, in tests."""
        return str(_setting("UNICOM_WHATSAPP_API_URL", "https://graph.facebook.com")).rstrip("/")

    @property
    def UNICOM_WHATSAPP_API_VERSION(self) -> str:
        """The version of the Graph API that is called."""
        name = "UNICOM_WHATSAPP_API_VERSION"
        value = str(_setting(name, "v26.0"))
        if not re.fullmatch(r"v\d{1,3}\.\d{1,2}", value):
            raise ConfigurationError(f"{name}: {value!r} is no version, such as v26.0.")
        return value

    @property
    def REACHER_BASE_URL(self) -> str:
        """Where a Reacher server is, which is asked before mail is sent; empty: none."""
        for name in ("REACHER_BASE_URL", "REACHER_HOSTNAME", "REACHER_HOST"):
            if value := _documented(name).strip().rstrip("/"):
                return value if "://" in value else f"http://{value}"
        return ""

    @property
    def REACHER_STRICTNESS(self) -> str:
        """Which of Reacher's verdicts let mail pass: ``strict``, ``moderate`` or ``lenient``."""
        value = _documented("REACHER_STRICTNESS", "strict").lower()
        if value not in STRICTNESS:
            raise ConfigurationError(f"REACHER_STRICTNESS: {value!r} is not one of {', '.join(STRICTNESS)}.")
        return value

    @property
    def UNICOM_SYSTEM_EMAIL_CHANNEL(self) -> str:
        """The e-mail channel Django's own mail goes through, by name, address or id; empty: the only active one."""
        return str(_setting("UNICOM_SYSTEM_EMAIL_CHANNEL", "") or "")

    @property
    def UNICOM_DNS_RESOLVER(self) -> str:
        """The dotted path of a class that looks names up in the DNS instead of the system's resolver."""
        return str(_setting("UNICOM_DNS_RESOLVER", "") or "")

    @property
    def UNICOM_TINYMCE_API_KEY(self) -> str:
        """A key for TinyMCE's cloud, to use that in the admin and not the editor we bring along."""
        return _documented("UNICOM_TINYMCE_API_KEY")

    @property
    def OPENAI_API_KEY(self) -> str:
        """The key for the endpoint that speaks the OpenAI protocol."""
        return _documented("OPENAI_API_KEY")

    @property
    def OPENAI_BASE_URL(self) -> str:
        """Where that endpoint is; empty: the maker's own."""
        return _documented("OPENAI_BASE_URL")

    @property
    def UNICOM_LLM_MODEL(self) -> str:
        """The model that answers where a call names none."""
        return str(_setting("UNICOM_LLM_MODEL", "gpt-4o-mini"))

    @property
    def UNICOM_LLM_PROVIDERS(self) -> dict[str, str]:
        """Further providers: name → dotted path of a Provider; used for models named ``name:model``."""
        return dict(_setting("UNICOM_LLM_PROVIDERS", {}))

    @property
    def UNICOM_LLM_TIMEOUT(self) -> float:
        """For how many seconds a model may be silent."""
        return float(_setting("UNICOM_LLM_TIMEOUT", 60))

    @property
    def UNICOM_LLM_ATTEMPTS(self) -> int:
        """How often a model is asked the same before its request fails."""
        return int(_setting("UNICOM_LLM_ATTEMPTS", 5))

    @property
    def UNICOM_LLM_MAX_ROUNDS(self) -> int:
        """How often a model may be asked within one turn: each time it calls tools, it is asked again."""
        return int(_setting("UNICOM_LLM_MAX_ROUNDS", 10))

    @property
    def UNICOM_LLM_MAX_PROMPT_TOKENS(self) -> int:
        """How long a prompt may be, by estimate; the oldest messages are left out first."""
        return int(_setting("UNICOM_LLM_MAX_PROMPT_TOKENS", 100_000))

    @property
    def UNICOM_LLM_DAILY_TOKENS(self) -> int:
        """How many tokens one sender may use up within 24 hours; 0: any number."""
        return int(_setting("UNICOM_LLM_DAILY_TOKENS", 1_000_000))

    @property
    def UNICOM_LLM_DAILY_CALLS(self) -> int:
        """How often models may be asked for one sender within 24 hours; 0: any number."""
        return int(_setting("UNICOM_LLM_DAILY_CALLS", 1_000))

    @property
    def UNICOM_TOOL_TIMEOUT(self) -> float:
        """For how many seconds a tool may run that sets no limit of its own."""
        return float(_setting("UNICOM_TOOL_TIMEOUT", 60))

    @property
    def UNICOM_TOOL_MAX_CALLS(self) -> int:
        """How many tools a model may call at once; further ones are answered with an error."""
        return int(_setting("UNICOM_TOOL_MAX_CALLS", 32))

    @property
    def UNICOM_TOOL_DEADLINE_DAYS(self) -> float:
        """For how many days a deferred call may stay unanswered before it is answered with an error; 0: for ever."""
        return float(_setting("UNICOM_TOOL_DEADLINE_DAYS", 30))

    @property
    def UNICOM_MEDIA_STORAGE(self) -> str:
        """The alias in STORAGES that keeps files of chats; ``default`` unless said otherwise."""
        return str(_setting("UNICOM_MEDIA_STORAGE", "default"))

    @property
    def UNICOM_MEDIA_SENDFILE(self) -> str:
        """Have the web server in front send files: nginx's internal location (``/files/``), or ``X-Sendfile``."""
        return str(_setting("UNICOM_MEDIA_SENDFILE", "") or "")

    @property
    def UNICOM_MAX_UPLOAD_BYTES(self) -> int:
        """The largest file a visitor may send in a web chat."""
        return int(_setting("UNICOM_MAX_UPLOAD_BYTES", 20 * 1024 * 1024))

    @property
    def UNICOM_MAX_TEXT_LENGTH(self) -> int:
        """The longest text a visitor may send in a web chat, in characters."""
        return int(_setting("UNICOM_MAX_TEXT_LENGTH", 1_500_000))

    @property
    def UNICOM_VISITOR_LIMITS(self) -> dict[str, tuple[int, float] | None]:
        """What one visitor may do in how many seconds, where it is not the default; None lifts a limit."""
        given = _setting("UNICOM_VISITOR_LIMITS", {})
        wrong = [key for key in given if not _is_limit(key, given[key])] if isinstance(given, dict) else [repr(given)]
        if wrong:
            raise ConfigurationError(
                f"UNICOM_VISITOR_LIMITS: {', '.join(map(str, wrong))}: (count, seconds) or None is needed for any of "
                f"{', '.join(VISITOR_LIMITS)}."
            )
        return dict(given)

    @property
    def visitor_limits(self) -> dict[str, tuple[int, float]]:
        """What one visitor may do, defaults included."""
        merged = {**VISITOR_LIMITS, **self.UNICOM_VISITOR_LIMITS}
        return {key: value for key, value in merged.items() if value is not None}

    @property
    def UNICOM_CLIENT_ADDRESS_HEADER(self) -> str:
        """The header in which our own proxy names the visitor's address, such as ``X-Forwarded-For``."""
        return str(_setting("UNICOM_CLIENT_ADDRESS_HEADER", "") or "")

    @property
    def UNICOM_MAX_WEBHOOK_BYTES(self) -> int:
        """The largest webhook body that is read; a larger one is refused with 413."""
        return int(_setting("UNICOM_MAX_WEBHOOK_BYTES", 8 * 1024 * 1024))

    @property
    def UNICOM_JOB_ATTEMPTS(self) -> int:
        """How often a job is tried before it is parked and shown."""
        return int(_setting("UNICOM_JOB_ATTEMPTS", 8))

    @property
    def UNICOM_KEEP_RECEIPTS_DAYS(self) -> int:
        """For how many days a repeated webhook is still recognised; platforms repeat for a week at most."""
        return int(_setting("UNICOM_KEEP_RECEIPTS_DAYS", 30))

    @property
    def UNICOM_KEEP_UPDATES_DAYS(self) -> int:
        """For how many days raw payloads are kept that were replayed, discarded or not used."""
        return int(_setting("UNICOM_KEEP_UPDATES_DAYS", 30))

    @property
    def UNICOM_KEEP_JOBS_DAYS(self) -> int:
        """For how many days jobs are kept that are done."""
        return int(_setting("UNICOM_KEEP_JOBS_DAYS", 7))

    @property
    def UNICOM_KEEP_KEYS_DAYS(self) -> int:
        """For how many days idempotency keys, and buttons that were never sent, are kept."""
        return int(_setting("UNICOM_KEEP_KEYS_DAYS", 30))

    @property
    def UNICOM_DEV_WORKER(self) -> bool:
        """Whether ``runserver`` starts a worker of its own."""
        return bool(_setting("UNICOM_DEV_WORKER", default=True))

    @property
    def is_development_server(self) -> bool:
        """Whether this process is the one that serves under ``manage.py runserver``, not its reloader."""
        arguments = sys.argv[1:]
        if not arguments or arguments[0] != "runserver":
            return False
        return "--noreload" in arguments or os.environ.get("RUN_MAIN") == "true"

    # Django's own, read here so that no other file needs to.

    @property
    def DEBUG(self) -> bool:
        """Django's DEBUG."""
        return bool(_django.DEBUG)

    @property
    def AUTH_USER_MODEL(self) -> str:
        """Django's AUTH_USER_MODEL."""
        return str(_django.AUTH_USER_MODEL)

    @property
    def SESSION_ENGINE(self) -> str:
        """Django's SESSION_ENGINE."""
        return str(_django.SESSION_ENGINE)

    @property
    def loader_environment(self) -> dict[str, str]:
        """What of the environment a program of its own needs to find its libraries; no setting and no secret."""
        names = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
        return {name: os.environ[name] for name in names if name in os.environ}

    @property
    def email_backend(self) -> str:
        """Django's EMAIL_BACKEND."""
        return str(_django.EMAIL_BACKEND)

    @property
    def system_senders(self) -> list[str]:
        """Whom Django's own mail is from, where nobody says otherwise."""
        return [str(_django.DEFAULT_FROM_EMAIL), str(_django.SERVER_EMAIL)]

    @property
    def secret_keys(self) -> list[str]:
        """SECRET_KEY and its fallbacks, the current one first."""
        return [str(key) for key in (_django.SECRET_KEY, *_django.SECRET_KEY_FALLBACKS)]

    @property
    def installed_apps(self) -> list[str]:
        """Django's INSTALLED_APPS."""
        return list(_django.INSTALLED_APPS)

    @property
    def channel_layer_backend(self) -> str:
        """The backend of Channels' default layer, or nothing where there is none."""
        layers = _setting("CHANNEL_LAYERS", None) or {}
        return str((layers.get("default") or {}).get("BACKEND") or "")

    @property
    def allowed_hosts(self) -> list[str]:
        """Django's ALLOWED_HOSTS, with what Django takes for it while DEBUG is on."""
        hosts = list(_django.ALLOWED_HOSTS)
        return hosts or ([".localhost", "127.0.0.1", "[::1]"] if _django.DEBUG else [])

    @property
    def trusted_origins(self) -> list[str]:
        """Django's CSRF_TRUSTED_ORIGINS."""
        return list(_django.CSRF_TRUSTED_ORIGINS)

    @property
    def media_root(self) -> str:
        """Django's MEDIA_ROOT."""
        return str(_django.MEDIA_ROOT)

    @property
    def base_dir(self) -> str:
        """BASE_DIR of the project's settings, where it is defined as by startproject."""
        return str(_setting("BASE_DIR", "") or "")


settings = UnicomSettings()
