"""Hold the HTTP client: what surely was not sent may be repeated, what may have been is ambiguous, secrets are kept."""

from __future__ import annotations

import io
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from unicom.errors import DeliveryError
from unicom.platforms import http
from unicom.platforms.http import Timeouts

pytestmark = pytest.mark.once
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
QUICK = Timeouts(connect=0.4, write=0.3, read=0.3, pool=0.3)
Script = Callable[[socket.socket], object]


@pytest.fixture(autouse=True)
def _fresh_pool() -> Iterator[None]:
    http.close()
    yield
    http.close()


@contextmanager
def server(*scripts: Script) -> Iterator[str]:
    """Serve one connection a script, each in its turn."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for script in scripts:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                script(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/botSECRET/method"
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes who waits for a connection that never came
        listener.close()
        thread.join(timeout=2)


def read(connection: socket.socket) -> bytes:
    """Read one small request."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def call(url: str, content: bytes | None = b"{}", **more: Any) -> http.Answer:
    return http.request("POST", url, service="Example", content=content, timeouts=QUICK, **more)


def failure(url: str, content: bytes | None = b"{}", **more: Any) -> DeliveryError:
    """Call, and return the error with its verdict checked for being one of the two."""
    with pytest.raises(DeliveryError) as error:
        call(url, content, **more)
    assert error.value.retryable != error.value.ambiguous
    assert "SECRET" not in f"{error.value} {error.value!r} {error.value.__cause__!r}"
    return error.value


def test_an_answer_is_read_whole_and_the_connection_kept():
    def twice(connection: socket.socket) -> None:
        for _ in range(2):
            read(connection)
            connection.sendall(OK)

    with server(twice) as url:
        assert [call(url), call(url)] == [http.Answer(status=200, body=b"ok")] * 2


def test_a_refused_connection_was_surely_not_sent():
    assert failure("http://127.0.0.1:9/SECRET").retryable


def test_a_name_that_does_not_resolve_was_surely_not_sent(monkeypatch):
    def nobody(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    assert failure("http://nowhere.invalid/SECRET").retryable


def test_a_failed_handshake_was_surely_not_sent():
    with server(lambda connection: connection.close()) as url:
        assert failure(url.replace("http:", "https:")).retryable


@pytest.mark.parametrize("url", ["telegram", "ftp://example.org/SECRET", "http://[::1", "http://"])
def test_an_address_that_is_none_is_an_error_with_a_sentence(url):
    with pytest.raises(DeliveryError) as error:
        call(url)
    assert error.value.reason
    assert not error.value.ambiguous


def test_no_answer_in_time_is_ambiguous():
    done = threading.Event()
    with server(lambda connection: (read(connection), done.wait(2))) as url:
        error = failure(url)
        done.set()
    assert (error.ambiguous, error.code) == (True, "timeout")
    assert "0.3 seconds" in error.reason


def test_a_connection_that_breaks_after_the_request_is_ambiguous():
    with server(lambda connection: read(connection)) as url:
        assert failure(url).ambiguous


def test_an_answer_that_breaks_off_is_ambiguous():
    def half(connection: socket.socket) -> None:
        read(connection)
        connection.sendall(OK[:-1])

    with server(half) as url:
        assert failure(url).ambiguous


def test_an_answer_that_is_not_http_is_ambiguous():
    def noise(connection: socket.socket) -> None:
        read(connection)
        connection.sendall(b"\x00\x01 what?\r\n\r\n")

    with server(noise) as url:
        assert failure(url).ambiguous


def test_a_request_that_was_not_written_whole_was_surely_not_carried_out():
    done = threading.Event()

    def deaf(connection: socket.socket) -> None:
        connection.recv(1000)
        done.wait(2)

    with server(deaf) as url:
        error = failure(url, b"x" * 50_000_000)
        done.set()
    assert error.retryable


def test_a_kept_connection_the_server_has_closed_is_not_used():
    def once(connection: socket.socket) -> None:
        read(connection)
        connection.sendall(OK)

    with server(once, once) as url:
        call(url)
        threading.Event().wait(0.05)  # the server's farewell arrives
        assert call(url).status == 200


def test_a_kept_connection_that_breaks_under_a_request_is_never_repeated_silently():
    seen = []

    def then_die(connection: socket.socket) -> None:
        seen.append(read(connection))
        connection.sendall(OK)
        seen.append(read(connection))

    def again(connection: socket.socket) -> None:
        seen.append(read(connection))
        connection.sendall(OK)

    with server(then_die, again) as url:
        call(url)
        assert failure(url).ambiguous
        assert len(seen) == 2


def test_a_file_that_cannot_be_read_to_its_end_was_surely_not_sent():
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise OSError("the disk is away")

    with server(lambda connection: connection.recv(1000)) as url:
        error = failure(url, None, fields={"a": "1"}, files={"photo": ("a.png", Broken(b"x" * 99), "image/png")})
    assert error.retryable


def test_fields_and_files_travel_as_multipart():
    seen = []

    def show(connection: socket.socket) -> None:
        seen.append(read(connection))
        connection.sendall(OK)

    with server(show) as url:
        call(url, None, fields={"caption": "ü😀"}, files={"photo": ('a"ü.png', io.BytesIO(b"PNG"), "image/png")})
    assert "ü😀".encode() in seen[0]
    assert b"PNG" in seen[0]
    assert b"multipart/form-data" in seen[0]


def test_an_endless_answer_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(http, "MAX_ANSWER", 1000)

    def endless(connection: socket.socket) -> None:
        read(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000)

    with server(endless) as url:
        assert failure(url).ambiguous


def test_no_log_shows_the_address(caplog):
    caplog.set_level("DEBUG")

    def once(connection: socket.socket) -> None:
        read(connection)
        connection.sendall(OK)

    with server(once) as url:
        call(url)
    failure("http://127.0.0.1:9/SECRET")
    shown = [f"{record.getMessage()} {record.__dict__}" for record in caplog.records]
    assert [line for line in shown if "SECRET" in line] == []


def test_a_proxy_of_the_environment_is_used_and_exceptions_hold(monkeypatch):
    seen = []

    def proxy(connection: socket.socket) -> None:
        seen.append(read(connection))
        connection.sendall(OK)

    with server(proxy) as address:
        monkeypatch.setenv("http_proxy", address.rpartition("/bot")[0])
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        http.close()
        assert call("http://api.example.org/x").status == 200
        assert seen[0].startswith(b"POST http://api.example.org/x ")
        assert failure("http://127.0.0.1:9/").retryable


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_does_not_talk_over_its_parents_connections():
    def once(connection: socket.socket) -> None:
        read(connection)
        connection.sendall(OK)

    def twice(connection: socket.socket) -> None:
        for _ in range(2):
            once(connection)

    ready = threading.Event()
    with server(twice) as url:
        call(url)
        child = os.fork()
        if child == 0:
            os._exit(0 if not http._transports else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert call(url).status == 200
        ready.set()
