"""Take mail over real SMTP, keep it for a look, and fail as told: a server for tests, without Django.

::

    with SmtpSink() as sink:
        sink.fail("rcpt", "550 5.1.1 No such user", recipient="bob@example.org")
        ...
        assert sink.mails[0].message["Subject"] == "Welcome"
"""

from __future__ import annotations

from unicom.testing.smtp.faults import Fault
from unicom.testing.smtp.server import Mail, SmtpSink

__all__ = ["Fault", "Mail", "SmtpSink"]
