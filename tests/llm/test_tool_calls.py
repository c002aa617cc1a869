"""The documented API of tool calls: answered once, one child for the last answer, whoever answers and when."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from tests.pipeline.simultaneous import at_once
from unicom import signals
from unicom.errors import InvalidTool, ToolCallAnswered
from unicom.models import Job, Message, Request, RequestCategory, ToolCall

pytestmark = pytest.mark.django_db
THREE = [
    {"name": "search", "arguments": {"query": "data"}},
    {"name": "analyze", "arguments": {"input": "results"}},
    {"name": "report", "arguments": {"format": "pdf"}},
]


@pytest.fixture
def request_(wrote):
    request = wrote("Please").requests.get()
    request.category = RequestCategory.objects.create(name="Work")
    request.metadata = {"queue": "teapots"}
    request.save()
    return request


def test_only_the_last_answer_makes_a_child_and_it_inherits(request_, drain):
    """As documented; known failure 12."""
    calls = request_.submit_tool_calls(THREE)
    assert [call.status for call in calls] == ["PENDING"] * 3
    request_.refresh_from_db()
    assert (request_.tool_call_count, request_.status) == (3, "PROCESSING")
    assert calls[0].respond("search results")[1] is None
    assert calls[1].respond({"done": True})[1] is None
    message, child = calls[2].respond("report generated")
    assert message.raw == {
        "tool_response": {"call_id": calls[2].call_id, "result": "report generated", "tool_name": "report"},
        "result_status": "success",
    }
    assert child == Request.objects.filter(parent_request=request_).get()
    for name in ("account", "category", "member", "channel", "chat", "message", "metadata"):
        assert getattr(child, name) == getattr(request_, name), name
    assert (child.initial_request, child.status, child.tool_call_count) == (request_, "QUEUED", 0)
    request_.refresh_from_db()
    assert request_.status == "COMPLETED"
    grandchild = child.submit_tool_calls(THREE[:1])[0].respond(1)[1]
    assert (grandchild.parent_request, grandchild.initial_request) == (child, request_)


def test_whoever_handles_requests_is_told_of_the_child(request_, drain):
    told = []

    def queued(sender, request, **kwargs):
        told.append(request.pk)

    signals.request_queued.connect(queued)
    try:
        child = request_.submit_tool_calls(THREE[:1])[0].respond("x")[1]
        drain()
    finally:
        signals.request_queued.disconnect(queued)
    assert told[-1] == child.pk


def test_the_same_answer_twice_is_one_and_another_is_refused(request_):
    """LL-03."""
    call = request_.submit_tool_calls(THREE[:1])[0]
    first = call.respond({"count": 3})
    assert ToolCall.objects.get(pk=call.pk).respond({"count": 3}) == first
    with pytest.raises(ToolCallAnswered, match="was answered already"):
        call.respond({"count": 4})
    assert Message.objects.filter(media_type="tool_response").count() == 1
    assert request_.child_requests.count() == 1


def test_active_calls_hold_nobody_up_and_make_no_child(request_):
    """Known failure 12: ACTIVE never makes a child request."""
    monitor, search = request_.submit_tool_calls(THREE[:2])
    monitor.mark_active()
    assert monitor.respond("CPU 1")[1] is None
    child = search.respond("found")[1]
    assert child is not None
    assert monitor.respond("CPU 2")[1] is None
    assert monitor.respond("CPU 2")[0].raw["llm"] == {"report": True}
    monitor.refresh_from_db()
    assert monitor.status == "ACTIVE"
    monitor.finish()
    with pytest.raises(ToolCallAnswered, match="has ended"):
        monitor.respond("CPU 3")
    assert request_.child_requests.count() == 1


def test_a_call_that_becomes_active_last_lets_the_others_go_on(request_):
    monitor, search = request_.submit_tool_calls(THREE[:2])
    assert search.respond("found")[1] is None
    monitor.mark_active()
    assert request_.child_requests.count() == 1


def test_a_failed_call_is_answered_too(request_):
    call = request_.submit_tool_calls(THREE[:1])[0]
    message, child = call.fail("The shop is closed")
    assert (message.raw["tool_response"]["result"], child is not None) == ({"error": "The shop is closed"}, True)
    assert (call.status, call.error, call.result_status) == ("ERROR", "The shop is closed", "error")


def test_a_call_that_nobody_answers_in_time_gets_an_error(request_, drain, later):
    call = request_.submit_tool_calls(THREE[:1])[0]
    call.mark_in_progress(deadline=timezone.now() + timedelta(days=2))
    drain()
    assert ToolCall.objects.get().status == "IN_PROGRESS"
    ToolCall.objects.update(deadline_at=timezone.now())
    later()
    drain()
    call.refresh_from_db()
    assert (call.status, call.error) == ("ERROR", "nobody has answered in time")
    assert request_.child_requests.count() == 1


@pytest.mark.parametrize(
    ("calls", "keys"),
    [
        ([], {"calls"}),
        (["x"], {"calls[0]"}),
        ([{"name": ""}, {"name": "x", "arguments": [1], "more": 1}],
         {"calls[0].name", "calls[1].arguments", "calls[1].more"}),
        ([{"name": "x", "arguments": {"a": {1, 2}}}], {"calls[0].arguments"}),
    ],
)  # fmt: skip
def test_bad_calls_are_refused_whole(request_, calls, keys):
    with pytest.raises(InvalidTool) as caught:
        request_.submit_tool_calls(calls)
    assert caught.value.problems.keys() == keys
    assert not ToolCall.objects.exists()


def test_a_result_that_is_not_json_is_refused_and_the_call_stays_open(request_):
    call = request_.submit_tool_calls(THREE[:1])[0]
    with pytest.raises(InvalidTool, match="cannot be written as JSON"):
        call.respond({1, 2})
    assert ToolCall.objects.get().status == "PENDING"
    assert call.respond({"at": timezone.now()})[1] is not None


def test_ids_that_a_provider_uses_again_do_no_harm(request_):
    calls = request_.submit_tool_calls([{**THREE[0], "id": "call_0"}, {**THREE[1], "id": "call_0"}])
    assert len({call.call_id for call in calls}) == 2
    assert {call.raw["id"] for call in calls} == {"call_0"}


def test_a_call_that_is_gone_is_refused_in_one_sentence(request_):
    call = request_.submit_tool_calls(THREE[:1])[0]
    request_.delete()
    with pytest.raises(InvalidTool, match="does not exist any more"):
        call.respond("x")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("round_", range(5))
def test_known_failure_20_answers_at_the_same_moment_make_exactly_one_child(request_, round_):
    """Known failure 20."""
    calls = request_.submit_tool_calls(THREE * 2)
    outcomes = at_once([partial(call.respond, call.tool_name) for call in calls])
    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    assert sum(child is not None for _, child in outcomes) == 1
    assert Request.objects.filter(parent_request=request_).count() == 1
    assert Message.objects.filter(media_type="tool_response").count() == 6
    assert set(ToolCall.objects.values_list("status", "answered_in")) == {
        ("COMPLETED", Request.objects.get(parent_request=request_).pk)
    }


@pytest.mark.django_db(transaction=True)
def test_one_call_answered_by_several_at_once_is_answered_once(request_):
    call = request_.submit_tool_calls(THREE[:1])[0]
    copies = [ToolCall.objects.get(pk=call.pk) for _ in range(4)]
    outcomes = at_once([partial(copy.respond, n) for n, copy in enumerate(copies)])
    assert sum(isinstance(outcome, ToolCallAnswered) for outcome in outcomes) == 3
    assert Request.objects.filter(parent_request=request_).count() == 1
    assert Job.objects.filter(kind="request").count() == 1
