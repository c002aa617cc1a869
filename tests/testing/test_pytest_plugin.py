"""Hold the pytest plugin to its fixtures, in a project of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
# One run for all: starting a pytest with Django takes seconds.
TESTS = """
    import pytest
    from unicom.platforms import names
    from unicom.signals import message_received

    def answer(message, **kwargs):
        message.reply_with({"text": "You said: " + message.text})

    def test_a_bot_is_tested_in_a_few_lines(memory_channel, unicom_drain, unicom_sent):
        message_received.connect(answer)
        memory_channel.receive_message({"id": 1, "chat": "c1", "sender": "anna", "text": "Hello?"})
        assert unicom_drain() == 2
        message_received.disconnect(answer)
        assert [part.text for part in unicom_sent.parts] == ["You said: Hello?"]

    @pytest.mark.parametrize("number", [1, 2])
    def test_the_wire_is_empty_in_each_test(memory_channel, unicom_drain, unicom_sent, number):
        assert unicom_sent.parts == [] and unicom_sent.faults == []
        memory_channel.send_message({"chat_id": "c1", "text": "Hello!"})
        unicom_drain()
        assert len(unicom_sent.parts) == 1
        unicom_sent.faults.append(RuntimeError("left over"))

    @pytest.fixture
    def own(settings):
        settings.UNICOM_PLATFORMS = {"Own": "unicom.platforms.internal.InternalAdapter"}

    def test_the_project_s_own_platforms_stay(own, memory_channel):
        assert {"Own", "Memory", "WebChat"} <= set(names())
        assert memory_channel.active and memory_channel.platform == "Memory"

    def test_afterwards_the_platforms_are_as_before():
        assert not {"Own", "Memory"} & set(names())

    def test_without_the_fixtures_the_database_is_out_of_reach():
        from unicom.models import Channel
        with pytest.raises(RuntimeError, match="Database access not allowed"):
            Channel.objects.count()
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Be a project that uses the plugin, on a database of its own."""
    # The outer run's database must not be touched.
    monkeypatch.setenv("UNICOM_TEST_DATABASE", "sqlite")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini(
        f"""
        [pytest]
        DJANGO_SETTINGS_MODULE = tests.settings
        pythonpath = {ROOT} {ROOT / "src"}
        filterwarnings = error
        """
    )
    pytester.makeconftest('pytest_plugins = ["unicom.testing.pytest_plugin"]')
    return pytester


def run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    return project.runpytest_subprocess("-p", "pytest_django.plugin", "--no-migrations", *options, timeout=100)


def test_a_project_of_its_own_can_rely_on_the_fixtures(project: pytest.Pytester) -> None:
    project.makepyfile(TESTS)
    run(project).assert_outcomes(passed=6)


def test_each_fixture_says_in_a_sentence_what_it_gives(project: pytest.Pytester) -> None:
    shown = run(project, "--fixtures").stdout.str()
    for name in ("unicom_drain", "unicom_sent", "memory_channel"):
        described = shown.partition(f"\n{name} -- ")[2].splitlines()
        assert described[1].strip().endswith("."), name
