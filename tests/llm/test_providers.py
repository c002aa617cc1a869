"""The real SDKs speak to an endpoint on loopback; what goes wrong there is one clear error."""

from __future__ import annotations

import json
from typing import Any

import pytest

from unicom.errors import ModelError, RealModelForbidden
from unicom.llm import providers
from unicom.llm.providers import Completion, Prompt
from unicom.testing import FakeOpenAI, call

TOOLS = [{"name": "stock", "description": "Tell.", "parameters": {"type": "object", "properties": {}}}]
PNG = "data:image/png;base64,iVBORw0KGgo="
TALK = [
    {"role": "system", "content": "Be brief."},
    {
        "role": "user",
        "content": [{"type": "text", "text": "Teapots?"}, {"type": "image_url", "image_url": {"url": PNG}}],
    },
    {
        "role": "assistant",
        "content": "Let me see.",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "stock", "arguments": '{"item": "teapot"}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": '{"count": 2}'},
]
MODELS = ["gpt-4", "openai:gpt-4", "openai-responses:gpt-4", "ollama:llama3"]


@pytest.fixture
def server(settings, monkeypatch):
    with FakeOpenAI(key="sk-secret") as server:
        settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = server.url, "sk-secret"
        monkeypatch.setenv("OLLAMA_BASE_URL", server.url)
        monkeypatch.setenv("OLLAMA_API_KEY", "sk-secret")
        yield server


def ask(model: str, messages: Any = TALK, tools: Any = TOOLS, on_text: Any = None, **options: Any) -> Completion:
    provider, name = providers.find(model)
    return provider.complete(Prompt(model=name, messages=messages, tools=tools, options=options), on_text)


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_an_answer_and_calls_come_back(server, model, is_streamed):
    pieces: list[str] = []
    on_text = pieces.append if is_streamed else None
    answer = "There are two of them, one blue and one green. " * 3
    server.model.script += [answer, [call("stock", item="teapot"), call("stock", item="cup")]]
    said = ask(model, on_text=on_text)
    assert (said.text, said.tool_calls, said.output_tokens) == (answer, (), 10)
    assert said.input_tokens > 20
    assert not is_streamed or ("".join(pieces) == answer and len(pieces) > 3)
    called = ask(model, on_text=on_text)
    assert [(item.name, json.loads(item.arguments)) for item in called.tool_calls] == [
        ("stock", {"item": "teapot"}),
        ("stock", {"item": "cup"}),
    ]
    assert len({item.id for item in called.tool_calls}) == 2
    prompt = server.prompts[0]
    assert [message["role"] for message in prompt.messages][-1] == "tool"
    assert prompt.tools[0]["name"] == "stock"
    assert server.model.violations == []


@pytest.mark.parametrize("model", MODELS[:3])
def test_an_answer_that_was_cut_says_so(server, model):
    server.model.script += [Completion(text="Half an ans", is_cut=True, input_tokens=1, output_tokens=1, model="m")]
    assert ask(model).is_cut


@pytest.mark.parametrize("model", ["gpt-4", "openai-responses:gpt-4", "ollama:llama3"])
@pytest.mark.parametrize(("status", "retryable"), [(400, False), (401, False), (404, False), (429, True), (503, True)])
def test_an_error_is_told_with_what_it_means(server, model, status, retryable):
    server.fail(status, "that went wrong")
    server.fail(status, "that went wrong", times=5)
    with pytest.raises(ModelError) as caught:
        ask(model)
    assert (caught.value.retryable, caught.value.too_long) == (retryable, False)
    assert str(status) in caught.value.reason
    assert "that went wrong" in caught.value.reason


def test_no_error_tells_the_key(server, settings):
    settings.OPENAI_API_KEY = "sk-wrong-key"
    with pytest.raises(ModelError) as caught:
        ask("gpt-4")
    assert caught.value.code == "401"
    assert "sk-wrong-key" not in repr(caught.value) + str(caught.value)


def test_a_prompt_that_is_too_long_is_known_by_its_code(server):
    server.fail(400, "too many tokens", code="context_length_exceeded")
    with pytest.raises(ModelError) as caught:
        ask("gpt-4")
    assert (caught.value.too_long, caught.value.retryable) == (True, False)


@pytest.mark.parametrize("model", ["gpt-4", "openai-responses:gpt-4"])
def test_what_breaks_off_is_worth_another_try(server, model, settings):
    settings.UNICOM_LLM_TIMEOUT = 0.3
    for trouble in (server.drop, server.hang, server.break_off):
        trouble()
        server.model.script[:] = ["An answer of some length, which is to be cut somewhere in the middle."]
        with pytest.raises(ModelError) as caught:
            ask(model, on_text=lambda piece: None)
        assert caught.value.retryable, trouble


def test_nothing_leaves_this_machine_while_that_is_forbidden(settings):
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = "", "sk-real"
    with pytest.raises(RealModelForbidden):
        ask("gpt-4")
    settings.OPENAI_BASE_URL = "https://models.example.com/v1"
    with pytest.raises(RealModelForbidden):
        ask("openai-responses:gpt-4")


def test_without_a_key_the_sentence_names_the_setting(settings, monkeypatch):
    settings.OPENAI_BASE_URL = settings.OPENAI_API_KEY = ""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(ModelError, match="OPENAI_API_KEY: set it in the settings or the environment"):
        ask("gpt-4")


def test_the_key_is_read_from_the_environment_too(server, settings, monkeypatch):
    """Known failure 11."""
    settings.OPENAI_API_KEY = settings.OPENAI_BASE_URL = ""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    server.model.script += ["Yes."]
    assert ask("gpt-4").text == "Yes."


@pytest.mark.parametrize("model", ["llama3:8b", "ft:gpt-4o:shop::7p4"])
def test_a_colon_may_be_part_of_the_name(server, model):
    server.model.script += ["Yes."]
    ask(model)
    assert server.prompts[0].model == model


def test_a_maker_whose_sdk_is_missing_is_named():
    with pytest.raises(ModelError) as caught:
        ask("anthropic:claude-sonnet-4-5")
    assert "anthropic" in caught.value.reason
    assert not caught.value.retryable


def test_speech_and_transcriptions(server):
    provider, _ = providers.find("gpt-4")
    assert provider.speak("Hello", voice="alloy")[:3] == b"ID3"
    assert provider.transcribe(b"ID3 sound", "note.mp3").endswith("bytes of speech]")
    assert server.model.spoken == [("Hello", "alloy")]


class Parrot:
    def complete(self, prompt, on_text=None):
        return Completion(text=f"{prompt.model}: {prompt.messages[-1]['content']}")


def test_a_project_s_own_provider(settings):
    settings.UNICOM_LLM_PROVIDERS = {"parrot": f"{__name__}.Parrot"}
    assert ask("parrot:grey", [{"role": "user", "content": "Hi"}]).text == "grey: Hi"
