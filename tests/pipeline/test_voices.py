"""A voice that came in is MP3 in ``message.media``, with the original as an attachment, before receivers hear of it."""

from __future__ import annotations

import io
import math
import shutil
import struct
import subprocess
import sys
import wave
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from unicom import audio, audio_process
from unicom.audio import to_mp3
from unicom.errors import AudioError, DeliveryError
from unicom.inbound import ingest
from unicom.models import Attachment, Job, Message
from unicom.signals import message_received
from unicom.testing.memory import MemoryAdapter
from unicom.testing.telegram import SAMPLE_OGG
from unicom.types import Conversation, IncomingFile, MessageReceived, Person


def tone(seconds: float = 0.5, rate: int = 8000) -> bytes:
    """Return a WAV file of a tone."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        count = int(seconds * rate)
        file.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(at / 3))) for at in range(count)))
    return made.getvalue()


def seconds_of(mp3: bytes) -> float:
    """Return how long a sound is, as another program reads it."""
    command = ["ffprobe", "-v", "error", "-show_entries", "format=duration,format_name", "-of", "csv=p=0", "-"]
    told = subprocess.run(command, input=mp3, capture_output=True, check=True).stdout.decode().split(",")
    assert told[0] == "mp3"
    decoded = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", "pipe:0", "-f", "s16le", "-ac", "1", "-ar", "8000", "pipe:1"],
        input=mp3,
        capture_output=True,
        check=True,
    ).stdout
    return len(decoded) / 16_000


@pytest.fixture(params=["av", "ffmpeg"])
def engine(request, monkeypatch):
    """Decode with each of the two."""
    found = audio._engine()
    assert found[0] == "av", "PyAV is preferred where it is installed"
    if request.param == "ffmpeg":
        monkeypatch.setattr(audio, "find_spec", lambda name: None)
        assert audio._engine() == ("ffmpeg", shutil.which("ffmpeg"))
    return request.param


@pytest.mark.once
@pytest.mark.parametrize(("content", "seconds"), [(SAMPLE_OGG, 0.24), (tone(), 0.5)], ids=["opus", "wav"])
def test_a_sound_becomes_mp3_of_the_same_length(engine, content, seconds):
    """Whichever decoder there is."""
    made = to_mp3(io.BytesIO(content))
    assert seconds <= seconds_of(made) < seconds + 0.15


@pytest.mark.once
@pytest.mark.parametrize(
    "content",
    [
        b"\x00" * 5000,
        b"<html>no sound</html>",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        SAMPLE_OGG[:60],
        bytes.fromhex("89504e470d0a1a0a") + bytes(200),
    ],
    ids=["zeros", "html", "playlist", "concat", "torso", "picture"],
)
def test_what_is_no_sound_is_refused_with_a_sentence(engine, content):
    """A playlist that names files above all: nothing but the bytes at hand is read."""
    with pytest.raises(AudioError) as error:
        to_mp3(io.BytesIO(content))
    assert str(error.value)
    assert "root:" not in str(error.value)


@pytest.mark.once
def test_an_empty_and_a_huge_file_never_reach_the_decoder(monkeypatch):
    """The sentence says which."""
    monkeypatch.setattr(audio, "MAX_BYTES", 1000)
    monkeypatch.setattr(subprocess, "run", None)
    for content, said in ((b"", "empty"), (tone(), "more than 1,000 bytes")):
        with pytest.raises(AudioError, match=said):
            to_mp3(io.BytesIO(content))


@pytest.mark.once
def test_without_a_decoder_the_error_says_what_to_install(monkeypatch):
    """Both ways are named."""
    monkeypatch.setattr(audio, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(AudioError, match=r"django-unicom\[audio\].*ffmpeg"):
        to_mp3(io.BytesIO(SAMPLE_OGG))


@pytest.mark.once
def test_a_decoder_that_hangs_is_ended(monkeypatch):
    """The clock decides where the processor's time does not."""
    monkeypatch.setattr(audio, "PATIENCE", 0.01)
    with pytest.raises(AudioError, match=r"within 0\.01 seconds"):
        to_mp3(io.BytesIO(SAMPLE_OGG))


@pytest.mark.once
def test_the_decoder_may_not_write_nor_use_more_than_its_limits(tmp_path):
    """What the limits are is read back in a process that has taken them."""
    script = (
        "import resource, sys; from unicom import audio_process as process;"
        "process.LIMITS['RLIMIT_FSIZE'] = 1000; process.limit();"
        "assert resource.getrlimit(resource.RLIMIT_AS)[0] == 1 << 30;"
        "assert resource.getrlimit(resource.RLIMIT_CPU)[0] == 150;"
        "open(sys.argv[1], 'wb', buffering=0).write(bytes(2000))"
    )
    target = tmp_path / "big"
    done = subprocess.run([sys.executable, "-c", script, str(target)], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert target.stat().st_size == 1000


@pytest.mark.once
def test_a_sound_that_is_too_long_is_refused(monkeypatch, tmp_path):
    """An hour of silence fits in a few bytes."""
    monkeypatch.setattr(audio_process, "LONGEST", 0.1)
    source = tmp_path / "source"
    source.write_bytes(tone(0.5))
    with pytest.raises(audio_process.Refused, match="longer than"):
        audio_process.with_av(str(source), str(tmp_path / "made.mp3"))


# Within the pipeline


def content_of(field: Any) -> Any:
    """Return what a file of ours holds."""
    with field.open("rb") as file:
        return file.read()


@pytest.fixture
def told(connect):
    """Collect what receivers are told: the message's media at that moment."""
    heard: list[bytes] = []

    def hear(message, **_):
        message.refresh_from_db()
        heard.append(content_of(message.media) if message.media else b"")

    connect(message_received, hear)
    return heard


def arrive(channel, **fields) -> Message:
    """Have a voice message come in."""
    event = MessageReceived(
        key="1",
        conversation=Conversation(external_id="room"),
        sender=Person(external_id="ann"),
        media_type="audio",
        files=(IncomingFile(kind="audio", content_type="audio/ogg", is_voice=True, **fields),),
    )
    stored = ingest(channel, [event])[0].message
    assert stored is not None
    return stored


def platform_holds(monkeypatch: pytest.MonkeyPatch, *answers: object) -> None:
    """Let the platform give these for the file, one after the other."""
    waiting = list(answers)

    @contextmanager
    def fetch(self, reference):
        answer = waiting.pop(0)
        if isinstance(answer, Exception):
            raise answer
        yield iter([answer])

    monkeypatch.setattr(MemoryAdapter, "fetch", fetch)


@pytest.mark.django_db
def test_known_failure_7_voice_media_is_mp3(channel, drain, told, monkeypatch):
    """Known failure 7: ``message.media`` is MP3 when receivers hear of it; the attachment is as it came."""
    platform_holds(monkeypatch, SAMPLE_OGG)
    message = arrive(channel, reference={"file_id": "F"})
    drain()
    message.refresh_from_db()
    assert message.media.name.endswith("voice.mp3")
    assert told == [content_of(message.media)]
    assert seconds_of(told[0]) > 0.2
    attachment = message.attachments.get()
    assert (attachment.state, attachment.error, attachment.content_type) == ("stored", "", "audio/ogg")
    assert content_of(attachment.file) == SAMPLE_OGG


@pytest.mark.django_db
def test_a_voice_at_hand_becomes_mp3_too(channel, drain, told):
    """As a page's recorder sends it."""
    message = arrive(channel, name="voice.ogg", content=io.BytesIO(SAMPLE_OGG))
    drain()
    message.refresh_from_db()
    assert message.media.name.endswith("voice.mp3")
    assert told == [content_of(message.media)]
    assert content_of(message.attachments.get().file) == SAMPLE_OGG


@pytest.mark.django_db
def test_a_voice_no_decoder_can_read_stays_as_it_came_and_says_why(channel, drain, told, monkeypatch):
    """Nothing is lost."""
    platform_holds(monkeypatch, b"OggS" + bytes(100))
    message = arrive(channel, reference={"file_id": "F"})
    drain()
    attachment = message.attachments.get()
    assert (attachment.state, attachment.error) == (
        "stored",
        "not turned into MP3: the file is no sound that can be read",
    )
    message.refresh_from_db()
    assert message.media.name == attachment.file.name
    assert told == [b"OggS" + bytes(100)]


@pytest.mark.django_db
def test_receivers_wait_for_a_file_that_is_late_and_hear_of_it_at_once(channel, drain, told, monkeypatch):
    """The chat's next message waits with it: the order stays."""
    platform_holds(monkeypatch, DeliveryError("slow", retry_after=timedelta(seconds=7)), SAMPLE_OGG)
    arrive(channel, reference={"file_id": "F"})
    channel.receive_message({"id": 2, "chat": "room", "sender": "ann", "text": "heard?"})
    drain()
    assert told == []
    Job.objects.filter(kind="fetch").update(next_attempt_at=timezone.now())
    drain()
    assert [bool(media) for media in told] == [True, False]


@pytest.mark.django_db
def test_receivers_do_not_wait_for_ever(channel, drain, told, later, monkeypatch):
    """After a minute they are told without the file, which is still fetched."""
    platform_holds(monkeypatch, *[DeliveryError("busy", retryable=True)] * 2, SAMPLE_OGG)
    message = arrive(channel, reference={"file_id": "F"})
    drain()
    assert told == []
    Message.objects.filter(pk=message.pk).update(created_at=timezone.now() - timedelta(seconds=61))
    later()
    drain()
    assert told == [b""]
    later()
    drain()
    message.refresh_from_db()
    assert message.media.name.endswith("voice.mp3")


@pytest.mark.django_db
def test_the_first_file_is_the_messages_own_whichever_came_first(channel, drain, monkeypatch):
    """A later one only stands in while there is none."""
    platform_holds(monkeypatch, DeliveryError("slow", retry_after=timedelta(seconds=7)), b"second", b"first")
    files = (IncomingFile(kind="file", name="1", reference={"n": 1}), IncomingFile(kind="file", reference={"n": 2}))
    place, sender = Conversation(external_id="room"), Person(external_id="ann")
    message = ingest(channel, [MessageReceived(key="1", conversation=place, sender=sender, files=files)])[0].message
    drain()
    message.refresh_from_db()
    assert content_of(message.media) == b"second"
    Job.objects.filter(kind="fetch").update(next_attempt_at=timezone.now())
    drain()
    message.refresh_from_db()
    assert content_of(message.media) == b"first"
    assert Attachment.objects.filter(state="stored").count() == 2
