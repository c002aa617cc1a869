"""Translate between a mailbox and the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from unicom.errors import DeliveryError, UnsupportedFeature
from unicom.platforms.base import Adapter
from unicom.platforms.email import addresses, answers, composing, further_headers, reacher, tokens, tracking, transport
from unicom.platforms.email.config import EmailConfig
from unicom.types import Answered, DeliveryResult, InboundEvent, Limits, OutboundMessage, Part, Setup, Stamp

MOST_RECIPIENTS = 100
# Hosts that put what is sent through them into the folder for it themselves.
KEEPS_COPIES = ("smtp.gmail.com", "smtp.office365.com", "smtp-mail.outlook.com")


class EmailAdapter(Adapter):
    """Send by SMTP or a Django backend, one delivery a recipient; take in what the IMAP listener brings."""

    Config = EmailConfig
    supports_addresses: ClassVar[bool] = True
    supports_html: ClassVar[bool] = True
    supports_files: ClassVar[bool] = True
    passthrough: ClassVar[frozenset[str]] = frozenset({"headers", "tracking"})
    safe_to_repeat: ClassVar[bool] = True  # by its Message-ID
    limits: ClassVar[Limits] = Limits(
        file_bytes=25 * 1024 * 1024, download_bytes=50 * 1024 * 1024, automatic_per_hour=20
    )

    @property
    def mailbox(self) -> EmailConfig:
        """Return the config as what it is."""
        return cast("EmailConfig", self.config)

    @classmethod
    def identify(cls, config: Mapping[str, Any]) -> str:
        """Return the address, as it is compared."""
        address = config.get("EMAIL_ADDRESS")
        return addresses.normal(address)[:255] if isinstance(address, str) else ""

    def setup(self, webhook_url: str) -> Setup:
        """Find the servers that are not named, log in to each, and note where reading begins."""
        from unicom.platforms.email import setting_up

        return setting_up.set_up(self.mailbox, self.state)

    # Coming in

    def parse(self, payload: Any) -> list[InboundEvent]:
        """Read ``{raw | raw_base64, folder?, uid?, …}``, a mail with what the mailbox says of it."""
        from unicom.platforms.email import reading

        return reading.events_of(payload, self.mailbox)

    # Going out

    def answer(self, message: OutboundMessage, answered: Answered) -> OutboundMessage:
        """Address an answer to who wrote, under the thread's subject, unless the caller says otherwise."""
        return answers.answer(message, answered, self.mailbox.EMAIL_ADDRESS)

    def check(self, message: OutboundMessage) -> None:
        """Refuse what cannot be a mail, naming every bad key."""
        problems: dict[str, str] = {}
        for key in ("to", "cc", "bcc", "reply_to"):
            found = [addresses.split_wish(value)[2] for value in getattr(message, key)]
            if wrong := [sentence for sentence in found if sentence]:
                problems[key] = "; ".join(wrong)
        for key in ("subject", "from_name", "list_unsubscribe"):
            if sentence := addresses.line_problem(getattr(message, key)):
                problems[key] = sentence
        if message.list_unsubscribe and "list_unsubscribe" not in problems:
            value = message.list_unsubscribe
            if not (tracking.is_link(value) and value.lower().startswith("https://") and value.isascii()):
                problems["list_unsubscribe"] = f"{value[:60]!r} is not an https address in ASCII"
        if sentence := further_headers.problem(message):
            problems["headers"] = sentence
        if not isinstance(message.options.get("tracking", True), bool):
            problems["tracking"] = f"{message.options['tracking']!r} is not True or False"
        if not (message.is_edit or message.text.strip() or message.html.strip() or message.files or message.subject):
            problems["text"] = "required: a mail needs a subject, text, html or a file"
        count = len(message.to) + len(message.cc) + len(message.bcc)
        if not count and not message.is_edit:
            problems.setdefault("to", "required: nobody is named, and the chat has nobody to answer")
        elif count > MOST_RECIPIENTS:
            problems["to"] = f"{count} recipients; at most {MOST_RECIPIENTS} can be written to at once"
        size = sum(item.size for item in message.files)
        if size > (self.limits.file_bytes or 0):
            problems["file_path"] = (
                f"the files have {size:,} bytes together; at most {self.limits.file_bytes:,} can be sent"
            )
        if problems:
            raise UnsupportedFeature(problems)

    def stamp(self, message: OutboundMessage) -> Stamp:
        """Give a mail its Message-ID, and number the links that lead through us."""
        _, references = answers.thread(message.answers)
        raw: dict[str, Any] = {"email": {"references": references}}
        if message.from_name:
            raw["email"]["from_name"] = message.from_name
        if self._is_tracked(message):
            raw["original_urls"] = tracking.links(message.html, without=message.list_unsubscribe)
        return Stamp(external_id=self._message_id(message), raw=raw)

    def split(self, message: OutboundMessage) -> list[Part]:
        """Return a part a recipient: each has a fate of its own, and nobody sees whom else a blind copy goes to."""
        in_reply_to, references = answers.thread(message.answers)
        automatic = "auto-replied" if message.answers is not None else "auto-generated"
        common: dict[str, Any] = {
            "message_id": self._message_id(message),
            "subject": message.subject,
            "to": list(message.to),
            "cc": list(message.cc),
            "reply_to": list(message.reply_to) or self._tagged(message),
            "from_name": message.from_name,
            "in_reply_to": in_reply_to,
            "references": references,
            "auto_submitted": automatic if message.is_automatic else "",
            "list_unsubscribe": message.list_unsubscribe,
            "headers": message.options.get("headers", {}),
            "skip_reacher": message.skip_reacher,
            "tracking": (
                {"id": message.tracking_id, "without": message.list_unsubscribe} if self._is_tracked(message) else {}
            ),
        }
        common = {key: value for key, value in common.items() if value}
        everybody: dict[str, str] = {}
        for value in (*message.to, *message.cc, *message.bcc):
            everybody.setdefault(addresses.normal(addresses.plain(value)), addresses.plain(value))
        return [
            Part(
                text=message.text,
                html=message.html,
                file=message.files[0] if len(message.files) == 1 else None,
                files=message.files if len(message.files) > 1 else (),
                recipient=address,
                options={**common, "delivery": self._external_id(message, number)},
            )
            for number, address in enumerate(everybody.values() or [""])
        ]

    def deliver(self, part: Part) -> DeliveryResult:
        """Hand the mail over for its one recipient."""
        if part.act != "send":
            raise DeliveryError("a mail that was sent cannot be changed any more", code="unsupported")
        if not part.recipient:
            raise DeliveryError("nobody is named as its recipient", code="no_recipient")
        verdict = {} if part.options.get("skip_reacher") else reacher.verdict(part.recipient)
        mail = composing.compose(self.mailbox, part)
        delivery = part.options.get("delivery", "")
        said = transport.send(
            self.mailbox,
            self.state,
            mail,
            recipient=part.recipient,
            envelope_id=tokens.delivery_token(delivery) if delivery else "",
        )
        raw = {"answer": said, **({"reacher": verdict} if verdict else {})}
        return DeliveryResult(external_id=delivery, raw=raw, follow_up=self._keeps_copy())

    def follow_up(self, part: Part) -> None:
        """Put a copy into the mailbox's folder for what was sent, once."""
        from unicom.platforms.email import sent_copies

        sent_copies.keep(self.mailbox, self.state, part)

    def _keeps_copy(self) -> bool:
        config = self.mailbox
        host = config.SMTP.host.lower() if config.SMTP else ""
        return config.SENT_COPY and config.IMAP is not None and (bool(config.EMAIL_BACKEND) or host not in KEEPS_COPIES)

    def _is_tracked(self, message: OutboundMessage) -> bool:
        wanted = self.mailbox.TRACKING and message.options.get("tracking", True)
        return bool(wanted) and tracking.is_possible(message)

    def _message_id(self, message: OutboundMessage) -> str:
        return self._external_id(message, 0)

    def _external_id(self, message: OutboundMessage, number: int) -> str:
        """Return what the n-th copy of a mail is called; the first bears the Message-ID of all."""
        if not message.id:
            return ""
        domain = addresses.encoded(self.mailbox.EMAIL_ADDRESS).rpartition("@")[2]
        return f"<{message.id}{f'.{number}' if number else ''}@{domain}>"

    def _tagged(self, message: OutboundMessage) -> list[str]:
        config = self.mailbox
        if not (config.PLUS_ADDRESSING and message.chat_id):
            return []
        local, _, domain = config.EMAIL_ADDRESS.rpartition("@")
        return [f"{local}+{tokens.chat_tag(message.chat_id)}@{domain}"]
