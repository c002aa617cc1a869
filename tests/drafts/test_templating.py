"""Render texts with the documented context, and say what is wrong with one."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import override_settings
from django.utils import timezone
from django.utils.safestring import mark_safe

from unicom import templating
from unicom.errors import InvalidMessage, TemplateProblem
from unicom.models import Channel, Chat, Message
from unicom.testing.memory import Wire

WORKS = [
    ("Hi {{ variables.name }}", "Hi Ann"),
    ("{{ variables.title }} {{ variables.items|length }} {{ variables.keys }}", "Dr. 2 k"),
    ("{% for i in variables.items %}{{ loop.index }}{{ i.title|upper }}{{ '-' if loop.first }}{% endfor %}", "1A-2B"),
    ("{{ variables.missing|default('there') }}", "there"),
    ("{% if variables.missing is defined %}yes{% else %}no{% endif %}", "no"),
    ("{{ variables.name.upper() }} {{ variables.name[:2] }} {{ variables.name[0] }}", "ANN An A"),
    ("{{ '%05.2f'|format(3.14159) }} {{ '%s and %s' % ('a', 'b') }}", "03.14 a and b"),
    ("{{ variables.n * 2 ** 3 % 5 + 1 - 1 // 1 }}", "4"),
    ("{{ 'a' ~ 1 ~ variables.name }}", "a1Ann"),
    ("{% set x %}abc{{ 1 }}{% endset %}{{ x|length }}", "4"),
    ("{% set ns = namespace(a=1) %}{% for i in range(3) %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}", "4"),
    ("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m('a') }}{{ m(x='b') }}", "<a><b>"),
    ("{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}in{% endcall %}", "[in]"),
    ("{% for g in variables.items|groupby('title') %}{{ g.grouper }}{{ g.list|length }}{% endfor %}", "a1b1"),
    ("{% for k, v in {'x': 1}.items() %}{{ k }}={{ v }}{% endfor %}", "x=1"),
    ("{{ variables.items|map(attribute='title')|join(', ') }}", "a, b"),
    ("{% set j = joiner(', ') %}{% for i in [1, 2] %}{{ j() }}{{ i }}{% endfor %}{{ cycler('a').next() }}", "1, 2a"),
    ("{% filter upper %}a{% endfilter %}{% with a = 1 %}{{ a }}{% endwith %}{# no #}", "A1"),
    ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
    ("{{ [3, 1, 2]|sort|first }} {{ [1, 2]|sum }} {{ 'a' in 'abc' }} {{ 1 < 2 <= 2 }}", "1 3 True True"),
    ("no tag at all\n", "no tag at all\n"),
    ("{{ variables.name }}\n", "Ann\n"),
]  # fmt: skip
VALUES: dict[str, Any] = {
    "name": "Ann", "title": "Dr.", "keys": "k", "items": [{"title": "a"}, {"title": "b"}], "n": 3,
}  # fmt: skip


@pytest.mark.parametrize(("source", "made"), WORKS)
def test_what_people_write_works(source: str, made: str) -> None:
    context = {"variables": VALUES}
    assert templating.render(source, context) == made
    assert templating.preview(source, context).problem == ""


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("Hi {{ variables.nme }}", "line 1: 'variables.nme' is undefined"),
        ("a\n\n{{ variables.name.first }}", "line 3: 'variables.name.first' is undefined"),
        ("{{ foo.bar }}", "line 1: 'foo' is undefined"),
        ("{{ variables['items'][1].nme }}", "line 1: 'variables.items[1].nme' is undefined"),
        ("a\n{{ variables.name", "line 2: unexpected end of template, expected 'end of print statement'"),
        ("{% for %}", "line 1: Expected an expression, got 'end of statement block'"),
        ("{{ variables.n / 0 }}", "line 1 (variables.n): division by zero"),
        ("{{ variables.name.upper }}", "line 1 (variables.name.upper): upper is a method; write upper()"),
        ("\n{% for i in variables.n %}{% endfor %}", "line 2 (variables.n): 'int' object is not iterable"),
        ("{{ variables.name|nope }}", "line 1: No filter named 'nope'"),
        ("{{ 'x'|datetime }}", "line 1: 'x' is no date; write it as in 2026-01-31T09:30:00+00:00"),
        ("{{ variables.n|datetime }}", "line 1 (variables.n): 3 is no date or time"),
    ],
)
def test_one_sentence_names_the_line_and_the_variable(source: str, sentence: str) -> None:
    with pytest.raises(TemplateProblem) as caught:
        templating.render(source, {"variables": VALUES})
    assert str(caught.value) == sentence


def test_a_preview_shows_every_name_that_is_not_there() -> None:
    source = "Hi {{ variables.nme }} {{ foo.bar }} {% for x in things %}{% endfor %}{{ a.b|upper }} {{ z + 1 }}"
    source += "{{ 'a' ~ w }}{% if q %}{% endif %}{{ u|datetime }}{{ d|default('d') }}"
    shown = templating.preview(source, {"variables": VALUES})
    assert shown.undefined == ("variables.nme", "foo.bar", "things", "a.b", "z", "w", "q", "u")
    assert shown.text.startswith("Hi [variables.nme?] [foo.bar?]")
    assert shown.problem == ""


def test_in_html_what_values_hold_is_escaped_and_in_text_it_is_not() -> None:
    context = {"variables": {"name": "<b>Ann & co</b>"}}
    assert templating.render("{{ variables.name }}", context, html=True) == "&lt;b&gt;Ann &amp; co&lt;/b&gt;"
    assert templating.render("{{ variables.name }}", context) == "<b>Ann & co</b>"
    assert templating.render("{{ variables.name|safe }}", context, html=True) == "<b>Ann & co</b>"


def test_an_editor_s_entities_within_tags_are_read_as_what_was_typed() -> None:
    source = "<p>{% if variables.n &gt; 2 &nbsp;and variables.name == &quot;Ann&quot; %}A &amp; B{% endif %}</p>"
    assert templating.render(source, {"variables": VALUES}, html=True) == "<p>A &amp; B</p>"


@pytest.fixture
def sent(channel: Channel, chat: Chat, wire: Wire) -> Any:
    """Return a function that sends; returns the message."""

    def send(**data: Any) -> Message:
        return channel.send_message({"chat_id": chat.pk, **data}, user=data.pop("user", None))

    return send


def test_nothing_is_rendered_unless_it_is_asked_for(sent: Any) -> None:
    assert sent(text="Hi {{ variables.name }}").text == "Hi {{ variables.name }}"
    assert sent(html="<p>{{ x }}</p>").html == "<p>{{ x }}</p>"
    assert sent(text="{{ 1 + 1 }}", render_template=False, render_variables={"a": 1}).text == "{{ 1 + 1 }}"


def test_giving_variables_or_a_context_asks_for_it(sent: Any) -> None:
    assert sent(text="{{ variables.name }}", render_variables={"name": "Ann"}).text == "Ann"
    assert sent(text="{{ order.total }}", render_context={"order": {"total": 12}}).text == "12"
    assert sent(text="{{ 1 + 1 }}", render_template=True).text == "2"


def test_what_a_value_says_is_never_a_template(sent: Any) -> None:
    message = sent(text="{{ variables.said }}", render_variables={"said": "{{ 7 * 7 }} {% if %}"})
    assert message.text == "{{ 7 * 7 }} {% if %}"


def test_the_documented_context_is_there(
    sent: Any, chat: Chat, channel: Channel, django_user_model: type[User]
) -> None:
    user = django_user_model.objects.create_user("ann", "ann@example.org")
    names = {f"{entry.name}.{key}" for entry in templating.CONTEXT for key in entry.keys} - {"message.text"}
    text = "|".join(f"{name}={{{{ {name} }}}}" for name in sorted(names)) + "|length={{ message.text|length }}"
    made = channel.send_message({"chat_id": chat.pk, "text": text, "render_template": True}, user=user).text
    said = dict(pair.split("=", 1) for pair in made.split("|") if "=" in pair)
    assert said["channel.id"] == str(channel.pk)
    assert (said["channel.name"], said["channel.platform"]) == ("Memory", "Memory")
    assert (said["sender.id"], said["sender.username"], said["sender.email"]) == (
        str(user.pk),
        "ann",
        "ann@example.org",
    )
    assert said["message.chat_id"] == chat.pk
    assert said["message.to"] == said["message.attachments"] == "[]"
    assert said["message.subject"] == ""
    assert said["length"] == str(len(text))


def test_without_a_user_the_sender_is_not_defined(sent: Any) -> None:
    with pytest.raises(InvalidMessage, match=r"text: line 1: 'sender\.username' is undefined"):
        sent(text="{{ sender.username }}", render_template=True)


def test_times_are_in_the_current_time_zone(sent: Any) -> None:
    with time_machine.travel("2026-01-01T23:30:00+00:00"), timezone.override("Asia/Tokyo"):
        text = sent(text='{{ now()|datetime("%Y-%m-%d %H:%M") }} {{ now().hour }} {{ message.timestamp|datetime }}',
                    render_template=True).text  # fmt: skip
    assert text == "2026-01-02 08:30 8 2026-01-02 08:30"
    with override_settings(TIME_ZONE="America/New_York"), time_machine.travel("2026-01-01T23:30:00+00:00"):
        assert sent(text='{{ now()|datetime("%H:%M") }}', render_template=True).text == "18:30"
        stamp = {"at": "2026-01-01T12:00:00+00:00"}
        assert sent(text="{{ variables.at|datetime('%H:%M') }}", render_variables=stamp).text == "07:00"


def test_every_problem_is_named_and_nothing_is_saved(sent: Any) -> None:
    class Order:
        pass

    with pytest.raises(InvalidMessage) as caught:
        sent(text="{{ a }}", html="{{ b", render_template=True)
    assert caught.value.problems == {
        "text": "line 1: 'a' is undefined",
        "html": "line 1: unexpected end of template, expected 'end of print statement'",
    }
    with pytest.raises(InvalidMessage) as caught:
        sent(
            text="x",
            render_template="yes",
            render_variables=["a"],
            render_context={"order": Order(), "b": 1},
        )
    assert caught.value.problems == {
        "render_template": "'yes' is not True or False",
        "render_variables": "a dict is needed, not list",
        "render_context": "render_context.order: Order is no plain value; give texts, numbers, dates, lists and dicts",
    }
    with pytest.raises(InvalidMessage, match="render_variables: 'first name' cannot be a name in a template"):
        sent(text="x", render_variables={"first name": "Ann"})
    assert not Message.objects.exists()


def test_no_object_gets_into_a_template(sent: Any, channel: Channel, django_user_model: type[User]) -> None:
    user = django_user_model.objects.create_user("ann", password="secret")
    for value in (user, channel, len, django_user_model.objects.all(), object()):
        with pytest.raises(InvalidMessage, match="is no plain value"):
            sent(text="x", render_variables={"deep": [{"value": value}]})


def test_plain_values_stay_what_they_are(sent: Any) -> None:
    values = {"html": mark_safe("<b>x</b>"), "when": timezone.now(), "none": None, "set": {1}}
    assert sent(
        html="<p>{{ variables.html }}{{ variables.none }}{{ variables['set'] }}</p>", render_variables=values
    ).html == ("<p><b>x</b>None[1]</p>")


def test_a_repeat_with_the_same_template_is_the_same_message(sent: Any) -> None:
    text = "{{ now()|datetime('%f') }} {{ variables.n }}"
    data = {"text": text, "render_variables": {"n": 1}, "idempotency_key": "k"}
    assert sent(**data) == sent(**data)
    with pytest.raises(InvalidMessage, match="render_variables"):
        sent(**{**data, "render_variables": {"n": 2}})


def test_a_reply_that_contains_braces_can_be_sent(sent: Any) -> None:
    """Known failure 27: text quoting a user was rendered; a reply containing ``{{`` could not be sent."""
    question = sent(text="How do I write {{ name }}?")
    answer = question.reply_with({"text": "> How do I write {{ name }}?\nLike that: {{ name }} {% if"})
    assert answer.text.endswith("{% if")
