"""The examples of the documented API, as they are written there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from unicom.models import Message, Request, ToolCall
from unicom.testing import FakeModel, call

pytestmark = pytest.mark.django_db

SET_REMINDER = '''
def set_reminder(text: str, delay_hours: int) -> str:
    """Schedule a reminder for later"""
    from django.utils import timezone
    from datetime import timedelta

    # Schedule the reminder using the tool_call context variable
    reminder_time = timezone.now() + timedelta(hours=delay_hours)

    # Store tool_call.id for later response
    # (e.g., in a database, Redis, or scheduler)
    schedule_reminder(
        tool_call_id=tool_call.call_id,
        message=text,
        scheduled_time=reminder_time
    )

    # Return None to defer the response
    # System automatically marks tool_call as IN_PROGRESS
    return None

tool_definition = {
    "name": "set_reminder",
    "description": "Set a reminder for a specific time in the future",
    "parameters": {
        "text": {"type": "string", "description": "Reminder text"},
        "delay_hours": {"type": "integer", "description": "Hours to wait"}
    },
    "run": set_reminder
}
'''
MONITOR = '''
def monitor_system(threshold: int) -> str:
    """Monitor system continuously and report status"""

    # Mark as ACTIVE for periodic responses
    tool_call.mark_active()

    # Start background monitoring
    start_monitoring_task(tool_call_id=tool_call.call_id, threshold=threshold)

    return None  # Or return initial status
'''
INTERACTIVE = '''
def my_interactive_tool(question: str) -> str:
    """Ask user a question with buttons and wait for response."""

    # Send cross-platform message with buttons
    message.reply_with({
        'text': f'Question: {question}',
        'buttons': [
            [
                {"text": "Yes", "callback_data": {"tool": "my_interactive_tool", "action": "answer", "value": "yes"}, "type": "callback"},
                {"text": "No", "callback_data": {"tool": "my_interactive_tool", "action": "answer", "value": "no"}, "type": "callback"}
            ]
        ]
    })

    # Return None to prevent duplicate messages
    return None
'''  # noqa: E501  as written there


def written(source: str, **names: Any) -> dict[str, Any]:
    """Run an example with what it takes for granted."""
    exec(source, names)  # noqa: S102  our own
    return names


def test_a_deferred_tool(wrote, drain):
    kept: list[dict[str, Any]] = []
    names = written(SET_REMINDER, schedule_reminder=lambda **item: kept.append(item), __name__="a_project")
    asked = wrote("Remind me of the meeting")
    with FakeModel([call("set_reminder", text="Meeting in 1 hour", delay_hours=24), "Meeting in 1 hour!"]) as model:
        asked.reply_using_llm(model="gpt-4", tools=[names["tool_definition"]])
        drain()
        (item,) = kept
        assert item["message"] == "Meeting in 1 hour"
        tool_call = ToolCall.objects.get(call_id=item["tool_call_id"])
        assert tool_call.status == "IN_PROGRESS"
        _logged, child_request = tool_call.respond("Reminder: Meeting in 1 hour")
        drain()
    offered = model.prompts[0].tools[0]
    assert offered["description"] == "Set a reminder for a specific time in the future"
    assert offered["parameters"]["required"] == ["text", "delay_hours"]
    assert child_request.parent_request == Request.objects.get(parent_request=None)
    assert Message.objects.get(is_outgoing=True).text == "Meeting in 1 hour!"


def test_arguments_of_the_dict_form_are_checked_by_its_schema(wrote, drain):
    names = written(SET_REMINDER, schedule_reminder=None, __name__="a_project")
    with FakeModel([call("set_reminder", text=5, delay_hours="x", more=1), "Sorry."]) as model:
        wrote("Remind me").reply_using_llm(tools=[names["tool_definition"]])
        drain()
    sentence = json.loads(model.prompts[1].messages[-1]["content"])["error"]
    for part in ("text: 5 is not of type string", "delay_hours: 'x' is not of type integer", "more: not an argument"):
        assert part in sentence


def test_a_monitoring_tool(wrote, drain):
    started: list[dict[str, Any]] = []
    names = written(MONITOR, start_monitoring_task=lambda **item: started.append(item), __name__="a_project")
    with FakeModel([call("monitor_system", threshold=90), "I keep an eye on it."]):
        wrote("Watch the CPU").reply_using_llm(tools=[names["monitor_system"]])
        drain()
    tool_call = ToolCall.objects.get(call_id=started[0]["tool_call_id"], status="ACTIVE")
    tool_call.respond("CPU usage: 95%")
    tool_call.respond("CPU usage: 92%")
    drain()
    assert Request.objects.count() == 1
    assert ToolCall.objects.get().status == "ACTIVE"
    with FakeModel(["It was at 95 and then at 92 %."]) as model:
        wrote("And?").reply_using_llm(tools=[names["monitor_system"]])
        drain()
    told = [json.loads(item["content"]) for item in model.prompts[0].messages if item["role"] == "tool"]
    assert [item["result"] for item in told if "result" in item] == ["CPU usage: 95%", "CPU usage: 92%"]


def test_an_interactive_tool(wrote, drain, unicom_sent):
    names = written(INTERACTIVE, __name__="a_project")
    with FakeModel([call("my_interactive_tool", question="Tea?")]):
        wrote("Ask me").reply_using_llm(tools=[names["my_interactive_tool"]])
        drain()
    (part,) = unicom_sent.parts
    assert part.text == "Question: Tea?"
    execution = Message.objects.get(is_outgoing=True).callback_executions.get(text="Yes")
    assert execution.tool_call == ToolCall.objects.get()
    assert execution.account.pk.endswith("_ann"), "only the person who asked may click"
