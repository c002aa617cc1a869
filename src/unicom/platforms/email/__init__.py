"""Be the e-mail platform: a mailbox as a conversation, written to by SMTP and read by IMAP."""

from __future__ import annotations
