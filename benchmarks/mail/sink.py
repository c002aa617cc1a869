"""Be who mail is handed to: ``python -m benchmarks.mail.sink CERT KEY`` says its port and takes all that comes."""

from __future__ import annotations

import ssl
import sys

from benchmarks.mail.sending import PASSWORD, USER
from unicom.testing.smtp import SmtpSink


def main() -> None:
    """Serve until the standard input ends."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(sys.argv[1], sys.argv[2])
    with SmtpSink(users={USER: PASSWORD}, tls=tls, keep=False) as sink:
        sys.stdout.write(f"{sink.port}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
