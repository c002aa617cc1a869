"""What is spoken is understood, and answered in speech where that is wished."""

from __future__ import annotations

import io

import pytest

from unicom.errors import ModelError
from unicom.inbound import ingest
from unicom.models import Message
from unicom.testing import FakeModel, drain
from unicom.types import Conversation, IncomingFile, MessageReceived, Person

pytestmark = pytest.mark.django_db
MP3 = b"ID3\x04\x00\x00\x00\x00\x00\x00" + b"\xff\xfb\x90\x00" * 64


@pytest.fixture
def spoken(channel):
    event = MessageReceived(
        conversation=Conversation(external_id="room"),
        sender=Person(external_id="ann"),
        media_type="audio",
        files=(IncomingFile(kind="audio", name="note.mp3", content=io.BytesIO(MP3)),),
    )
    return ingest(channel, [event])[0].message


def test_a_recording_is_written_down_once_for_a_model_that_reads(spoken):
    with FakeModel(["First.", "Second."]) as model:
        spoken.reply_using_llm(model="gpt-4", multimodal=True)
        drain()
        spoken.reply_using_llm(model="gpt-4")
        drain()
    assert model.recordings == [MP3]
    for prompt in model.prompts:
        assert prompt.messages[0]["content"] == f"[spoken] [{len(MP3)} bytes of speech]"
    assert Message.objects.get(pk=spoken.pk).raw["transcript"] == f"[{len(MP3)} bytes of speech]"


def test_a_model_that_hears_gets_the_recording(spoken):
    with FakeModel(["Yes."]) as model:
        spoken.reply_using_llm(model="gpt-4o-audio-preview")
        drain()
    assert model.prompts[0].messages[0]["content"][0]["input_audio"]["format"] == "mp3"
    assert model.recordings == []


def test_a_recording_that_cannot_be_written_down_is_named(spoken):
    class Deaf(FakeModel):
        def transcribe(self, content, name):
            raise ModelError("no such endpoint")

    with Deaf(["I cannot hear."]) as model:
        spoken.reply_using_llm()
        drain()
    assert model.prompts[0].messages[0]["content"] == "[note.mp3]"


def test_a_spoken_message_is_answered_in_speech(spoken, unicom_sent, wrote):
    with FakeModel(otherwise="We have two.") as model:
        spoken.reply_using_llm(voice="alloy")
        drain()
        wrote("And written?", chat="other").reply_using_llm(voice="alloy")
        drain()
    assert model.spoken == [("We have two.", "alloy")]
    first, second = unicom_sent.parts
    assert (first.text, first.file.kind, second.file) == ("We have two.", "audio", None)


def test_an_answer_that_cannot_be_spoken_is_written(spoken, unicom_sent):
    class Mute(FakeModel):
        def speak(self, text, *, voice):
            raise ModelError("no such voice")

    with Mute(["We have two."]):
        spoken.reply_using_llm(voice="nobody")
        drain()
    assert [(part.text, part.file) for part in unicom_sent.parts] == [("We have two.", None)]
