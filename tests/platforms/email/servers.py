"""Run a private Dovecot and a private Postfix on free ports of this machine, with TLS by a certificate of our own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import trustme
from imapclient import IMAPClient

HOST = "127.0.0.1"
PASSWORD = "correct-horse"
TOKEN = "a-valid-access-token"
PATIENCE = 20.0
PUBLISHED = ("imap.example.com", "smtp.example.com")
"""Names the certificate is for too; who looks them up has to be told that they are this machine."""


def free_port() -> int:
    """Find a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Tell whether somebody listens."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """Name the files of a certificate for this machine, and who vouches for it."""

    ca_file: str
    cert_file: str
    key_file: str


def certificates(home: Path, *names: str) -> Certificates:
    """Make a certificate for names of this machine."""
    ca = trustme.CA()
    cert = ca.issue_cert(*(names or ("localhost", HOST, *PUBLISHED)))
    ca_file, cert_file, key_file = home / "ca.pem", home / "cert.pem", home / "key.pem"
    ca.cert_pem.write_to_path(str(ca_file))
    for number, blob in enumerate(cert.cert_chain_pems):
        blob.write_to_path(str(cert_file), append=number > 0)
    cert.private_key_pem.write_to_path(str(key_file))
    return Certificates(ca_file=str(ca_file), cert_file=str(cert_file), key_file=str(key_file))


DOVECOT = """
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/dovecot.log
hostname = box.example.com
protocols = imap lmtp
listen = {host}
ssl = yes
ssl_cert = <{cert}
ssl_key = <{key}
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2
auth_cache_size = 0
auth_failure_delay = 0
mail_location = {storage}:{home}/mail/%u
mail_max_userip_connections = 5000
first_valid_uid = 1
mail_uid = mail
mail_gid = mail
mailbox_idle_check_interval = 1 secs
mail_fsync = never
maildir_stat_dirs = no
passdb {{
  driver = static
  mechanisms = plain login
  args = password={password}
}}
passdb {{
  driver = static
  mechanisms = xoauth2
  args = password={token}
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={home}/mail/%u allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Sent {{
    special_use = \\Sent
    auto = create
  }}
}}
service imap-login {{
  process_limit = 3000
  service_count = 0
  client_limit = 4000
  vsz_limit = 512M
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 3000
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
service anvil {{
  client_limit = 20000
}}
service auth {{
  client_limit = 20000
  inet_listener {{
    port = {auth}
  }}
}}
service stats {{
  client_limit = 20000
}}
"""


@dataclass(frozen=True, kw_only=True)
class Dovecot:
    """Be a running Dovecot: every name has a mailbox, all with one password."""

    home: Path
    imap: int
    imaps: int
    lmtp: int
    auth: int
    ca_file: str

    def client(self, user: str) -> IMAPClient:
        """Return somebody's mail client, logged in, INBOX selected."""
        client = IMAPClient(HOST, port=self.imap, ssl=False)
        client.login(user, PASSWORD)
        client.select_folder("INBOX")
        return client

    def config(self) -> dict[str, object]:
        """Return what a channel's config says of it."""
        return {"host": "localhost", "port": self.imaps, "use_ssl": True, "protocol": "IMAP", "ca_file": self.ca_file}


@contextmanager
def dovecot(home: Path, certs: Certificates, *, storage: str = "maildir") -> Iterator[Dovecot]:
    """Run Dovecot."""
    program = shutil.which("dovecot") or "/usr/sbin/dovecot"
    for name in ("run", "state", "mail"):
        (home / name).mkdir()
    shutil.chown(home / "mail", "mail", "mail")
    home.chmod(0o755)
    ports = {name: free_port() for name in ("imap", "imaps", "lmtp", "auth")}
    config = home / "dovecot.conf"
    values = {
        "home": home, "host": HOST, "cert": certs.cert_file, "key": certs.key_file, "password": PASSWORD,
        "token": TOKEN, "storage": storage,
    }  # fmt: skip
    config.write_text(DOVECOT.format(**values, **ports))
    process = subprocess.Popen([program, "-F", "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        _wait(lambda: answers(ports["imaps"]) and answers(ports["lmtp"]), process, home / "dovecot.log")
        yield Dovecot(home=home, ca_file=certs.ca_file, **ports)
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.communicate()


def _wait(is_up, process: subprocess.Popen[bytes] | None, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_up():
        ended = process is not None and process.poll() is not None
        if ended or time.monotonic() > deadline:
            said = process.stderr.read().decode() if ended and process is not None and process.stderr else ""
            tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
            raise RuntimeError(f"The server did not come up: {said}{tail}")
        time.sleep(0.02)


POSTFIX_MAIN = """
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
mail_owner = postfix
setgid_group = postdrop
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
myhostname = mail.example.org
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
relay_domains =
virtual_mailbox_domains = example.org, example.com
virtual_mailbox_maps = regexp:{home}/mailboxes
virtual_transport = lmtp:inet:{host}:{lmtp}
transport_maps = regexp:{home}/transports
default_transport = smtp:[127.0.0.1]:{closed}
relay_transport = smtp:[127.0.0.1]:{closed}
mynetworks = 127.0.0.0/8
smtpd_tls_cert_file = {cert}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
smtpd_relay_restrictions = permit_mynetworks, permit_auth_destination, reject
smtpd_recipient_restrictions = check_recipient_access regexp:{home}/recipients, permit_mynetworks,
    permit_auth_destination, reject
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_sasl_auth_enable = {has_auth}
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:{host}:{auth}
smtpd_peername_lookup = no
smtpd_reject_unlisted_recipient = no
smtpd_delay_reject = no
smtputf8_enable = yes
bounce_queue_lifetime = 1h
local_recipient_maps =
alias_maps =
disable_dns_lookups = yes
message_size_limit = 10240000
"""
POSTFIX_MASTER = """
{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True, kw_only=True)
class Postfix:
    """Be a running Postfix that hands mail for example.org and example.com to Dovecot, and reaches nobody else.

    What goes to ``…@gone.example`` bounces after it was taken; ``refused…@`` is refused, ``busy…@`` for now.
    """

    home: Path
    port: int
    ca_file: str

    def config(self) -> dict[str, object]:
        """Return what a channel's config says of it."""
        return {
            "host": "localhost", "port": self.port, "use_ssl": True, "starttls": True, "protocol": "SMTP",
            "ca_file": self.ca_file,
        }  # fmt: skip


@contextmanager
def postfix(home: Path, certs: Certificates, lmtp: int, auth: int = 0) -> Iterator[Postfix]:
    """Run Postfix; with the port of Dovecot's log-in it offers one, and asks nobody for it."""
    config, queue, data = home / "etc", home / "queue", home / "data"
    for path in (config, queue, data):
        path.mkdir()
    shutil.chown(data, "postfix", "postfix")
    home.chmod(0o755)
    port = free_port()
    (home / "mailboxes").write_text("!/^nobody/ OK\n")
    (home / "recipients").write_text(
        "/^refused/ 550 5.1.1 No such user here\n/^busy/ 451 4.3.0 Try again later\n/./ DUNNO\n"
    )
    (home / "transports").write_text("/@gone\\.example$/ error:5.1.1 nobody of that name\n")
    values = {
        "home": home, "host": HOST, "cert": certs.cert_file, "key": certs.key_file, "lmtp": lmtp, "closed": free_port(),
        "auth": auth, "has_auth": "yes" if auth else "no",
    }  # fmt: skip
    (config / "main.cf").write_text(POSTFIX_MAIN.format(**values))
    (config / "master.cf").write_text(POSTFIX_MASTER.format(port=f"{HOST}:{port}"))
    environment = {**os.environ, "MAIL_CONFIG": str(config)}
    begun = subprocess.run(
        ["/usr/sbin/postfix", "-c", str(config), "start"], env=environment, capture_output=True, text=True, check=False
    )
    if begun.returncode:
        log = home / "postfix.log"
        raise RuntimeError(f"Postfix: {begun.stderr}{log.read_text() if log.exists() else ''}")
    try:
        _wait(lambda: answers(port), None, home / "postfix.log")
        yield Postfix(home=home, port=port, ca_file=certs.ca_file)
    finally:
        subprocess.run(
            ["/usr/sbin/postfix", "-c", str(config), "stop"], env=environment, capture_output=True, check=False
        )


@contextmanager
def folder(prefix: str) -> Iterator[Path]:
    """Give a short temporary folder: servers put sockets there, whose paths are short."""
    path = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
