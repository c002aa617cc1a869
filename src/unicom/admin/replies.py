"""Let staff answer from the admin: a text, a file, through the same door as the project's own code."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from unicom.cleaning import is_clean
from unicom.errors import InvalidMessage
from unicom.media import clean_name
from unicom.models import Chat, Message


class ReplyForm(forms.Form):
    """Take an answer; what the platform cannot carry is said at the field it is about."""

    text = forms.CharField(
        label=_("Reply"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": _("Write a reply…")}),
    )
    file = forms.FileField(label=_("File"), required=False)
    reply_to = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, chat: Chat, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.chat = chat
        self.user = user
        self.sent: Message | None = None

    def clean_text(self) -> str:
        """Write line ends as everybody else does."""
        text: str = self.cleaned_data["text"]
        return text.replace("\r\n", "\n").strip("\n")

    def answered(self) -> Message | None:
        """Return the message this answers, if it is one of the chat."""
        pk = str(self["reply_to"].value() or "")[:64]
        rows = Message.objects.select_related("channel", "chat", "sender")
        return rows.filter(pk=pk, chat=self.chat).first() if pk and is_clean(pk) else None

    def send(self) -> bool:
        """Queue the message; False with the reasons on the form."""
        if not self.is_valid():
            return False
        data: dict[str, Any] = {}
        if self.cleaned_data["text"]:
            data["text"] = self.cleaned_data["text"]
        if self.cleaned_data["reply_to"]:
            data["reply_to_message_id"] = self.cleaned_data["reply_to"]
        upload = self.cleaned_data["file"]
        try:
            self.sent = self._send_with(upload, data) if upload else self.chat.send_message(data, user=self.user)
        except InvalidMessage as error:
            for key, sentence in error.problems.items():
                name = {"text": "text", "file_path": "file"}.get(key)
                self.add_error(name, sentence if name else f"{key}: {sentence}")
            return False
        return True

    def _send_with(self, upload: Any, data: dict[str, Any]) -> Message:
        with tempfile.TemporaryDirectory(prefix="unicom-") as folder:
            path = Path(folder) / clean_name(upload.name or "file")
            with path.open("wb") as copy:
                for chunk in upload.chunks():
                    copy.write(chunk)
            return self.chat.send_message({**data, "file_path": str(path)}, user=self.user)
