"""Choose how a mail leaves: our own SMTP, or a Django e-mail backend."""

from __future__ import annotations

import smtplib
from email import message_from_bytes
from email.message import Message
from typing import Any

from unicom.errors import DeliveryError
from unicom.platforms.base import ChannelState
from unicom.platforms.email import addresses, oauth, smtp
from unicom.platforms.email.config import EmailConfig


def login(config: EmailConfig, state: ChannelState) -> smtp.Login:
    """Return how we log in where mail is handed over."""
    name, password = config.login("SMTP")
    domain = addresses.encoded(config.EMAIL_ADDRESS).rpartition("@")[2]
    if config.OAUTH2 is not None:
        return smtp.Login(domain=domain, name=name, token=lambda renew: oauth.access_token(config, state, renew=renew))
    return smtp.Login(domain=domain, name=name if password else "", password=password)


def send(config: EmailConfig, state: ChannelState, mail: bytes, *, recipient: str, envelope_id: str) -> str:
    """Send one mail to one recipient; returns what the server said. Raises DeliveryError."""
    if config.EMAIL_BACKEND:
        return _by_backend(config, mail, recipient)
    if config.SMTP is None:
        raise DeliveryError(
            "SMTP is not set: validate the channel, or name the server", channel_down=True, code="config"
        )
    return smtp.send(
        config.SMTP,
        login(config, state),
        sender=addresses.encoded(config.EMAIL_ADDRESS),
        recipient=addresses.encoded(recipient),
        mail=mail,
        envelope_id=envelope_id,
    )


def backend(config: EmailConfig) -> Any:
    """Return the Django backend; raises DeliveryError where there is none of that name."""
    from django.core.mail import get_connection

    try:
        return get_connection(config.EMAIL_BACKEND, fail_silently=False, **config.EMAIL_BACKEND_OPTIONS)
    except Exception as error:
        raise DeliveryError(
            f"EMAIL_BACKEND {config.EMAIL_BACKEND!r} cannot be used ({type(error).__name__})",
            channel_down=True,
            code="config",
        ) from None


def _by_backend(config: EmailConfig, mail: bytes, recipient: str) -> str:
    from django.core.mail import EmailMultiAlternatives

    parsed = message_from_bytes(mail)
    message = EmailMultiAlternatives(
        subject=_header(parsed, "Subject"),
        body="",
        from_email=_header(parsed, "From"),
        to=[recipient],
        headers={
            name: _header(parsed, name)
            for name in parsed.keys()  # noqa: SIM118  a Message is no dict
            if name.lower() not in ("from", "subject", "content-type", "content-transfer-encoding", "mime-version")
        },
    )
    for part in parsed.walk():
        if part.is_multipart():
            continue
        content = part.get_payload(decode=True) or b""
        assert isinstance(content, bytes)  # noqa: S101  decoded
        if part.get_content_type() == "text/plain" and not message.body and part.get_filename() is None:
            message.body = content.decode("utf-8", "replace")
        elif part.get_content_type() == "text/html" and part.get_filename() is None:
            message.attach_alternative(content.decode("utf-8", "replace"), "text/html")
        else:
            message.attach(_attached(part))
    connection = backend(config)
    message.connection = connection
    try:
        sent = message.send()
    except smtplib.SMTPResponseException as error:
        raise DeliveryError(
            f"the backend refused it: {error.smtp_code}", retryable=error.smtp_code < 500, code=str(error.smtp_code)
        ) from None
    except Exception as error:
        # It may be a service's API: whether it has taken the mail, only it knows.
        raise DeliveryError(f"the backend failed ({type(error).__name__})", ambiguous=True, code="backend") from None
    if not sent:
        raise DeliveryError("the backend sent nothing", retryable=True, code="backend")
    return "handed to the backend"


def _header(parsed: Message, name: str) -> str:
    from email.header import decode_header, make_header

    return str(make_header(decode_header(str(parsed[name] or "")))).replace("\r", "").replace("\n", "")


def _attached(part: Message) -> Any:
    from email.mime.base import MIMEBase

    attached = MIMEBase(part.get_content_maintype(), part.get_content_subtype())
    attached.set_payload(part.get_payload())
    for name, value in part.items():
        if name.lower().startswith("content-") and name.lower() != "content-type":
            attached[name] = value
    return attached
