"""Read multipart bodies, for every fake."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import Message


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """One file of a multipart body."""

    name: str
    mime_type: str
    data: bytes

    def __repr__(self) -> str:
        return f"Upload({self.name!r}, {self.mime_type!r}, {len(self.data)} bytes)"


def read_multipart(body: bytes, content_type: str) -> tuple[dict[str, str], dict[str, Upload]]:
    """Return a multipart body's fields and files; raises ValueError with what is wrong with it."""
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise ValueError("boundary is not found")
    fields: dict[str, str] = {}
    files: dict[str, Upload] = {}
    marker = b"\r\n--" + boundary.encode("latin-1")
    # A leading CRLF makes the first boundary look like the others.
    for part in (b"\r\n" + body).split(marker)[1:]:
        if part.startswith(b"--"):
            return fields, files
        head, found, data = part.partition(b"\r\n\r\n")
        if not found:
            raise ValueError("can't parse multipart form data")
        name, upload = _read_part(head, data)
        if upload is None:
            fields[name] = data.decode("utf-8", errors="replace")
        else:
            files[name] = upload
    raise ValueError("can't parse multipart form data: no final boundary")


def _read_part(head: bytes, data: bytes) -> tuple[str, Upload | None]:
    message = Message()
    for line in head.decode("utf-8", errors="replace").strip().split("\r\n"):
        key, _, value = line.partition(":")
        message[key.strip()] = value.strip()
    name = message.get_param("name", header="content-disposition")
    filename = message.get_filename()
    if filename is None:
        return str(name), None
    return str(name), Upload(name=filename, mime_type=message.get_content_type(), data=data)
