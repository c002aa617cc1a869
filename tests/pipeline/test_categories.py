"""Requests are sorted by a category's own few lines, which can look at plain values and do nothing else."""

from __future__ import annotations

import pytest

from unicom.models import Member, MemberGroup, Message, Request, RequestCategory
from unicom.signals import message_received, request_queued

pytestmark = pytest.mark.django_db


@pytest.fixture
def sort(channel, drain):
    """Return a function that has a message come in, and returns its request once it was sorted."""
    numbers = iter(range(1000))

    def arrive(text: str = "please refund me") -> Request:
        message = channel.receive_message({"id": next(numbers), "chat": "room", "sender": "ann", "text": text})
        drain()
        found: Request = message.requests.get()
        return found

    return arrive


def category(name: str, code: str = "", **more) -> RequestCategory:
    """Make a category whose code is these lines."""
    source = "def process(request):\n" + "".join(f"    {line}\n" for line in code.splitlines()) if code else ""
    return RequestCategory.objects.create(name=name, processing_function=source, **more)


def test_without_categories_a_request_is_queued_straight_away(channel):
    """Inserted once."""
    message = channel.receive_message({"id": 1, "chat": "room", "sender": "ann", "text": "hello"})
    assert message.requests.get().status == "QUEUED"


def test_a_request_goes_to_the_first_category_that_fits(sort):
    """In their sequence; receivers see it sorted."""
    category("Sales", 'return "buy" in request.message.text', sequence=1)
    refunds = category("Refunds", 'return "refund" in request.message.text.lower()', sequence=2)
    category("Rest", "return True", sequence=3)
    request = sort()
    assert (request.category, request.status, request.error) == (refunds, "QUEUED", "")


def test_receivers_are_told_after_the_sorting(sort, connect):
    """``request_queued`` means queued."""
    refunds = category("Refunds", "return True")
    told = []
    connect(message_received, lambda request, **_: told.append((request.status, request.category)))
    connect(request_queued, lambda request, **_: told.append((request.status, request.category)))
    sort()
    assert told == [("QUEUED", refunds)] * 2


def test_it_goes_down_to_the_deepest_that_fits(sort):
    """Subcategories narrow."""
    money = category("Money", "return True")
    refunds = category("Refunds", 'return "refund" in request.message.text', parent=money)
    category("Late", 'return "late" in request.message.text', parent=refunds)
    assert sort().category == refunds
    assert sort("refund, and it was late").category.name == "Late"


def test_code_sees_plain_values_of_all_that_matters(sort, channel):
    """The platform, the channel, the account, the member, the message."""
    category(
        "All",
        "m = request.message\n"
        'return (request.platform == "Memory" and request.channel.name == "Memory"'
        ' and request.account.id == "memory_ann"'
        ' and request.member is None and search("^please", m.text) and len([w for w in m.text.split()]) == 3'
        ' and m.media_type == "text" and sum(x for x in range(3)) == 3)',
    )
    request = sort()
    assert request.error == "" and request.category is not None


@pytest.mark.parametrize(
    "code",
    [
        "import os\nreturn True",
        "from unicom.models import Channel\nreturn True",
        'open("/etc/passwd")\nreturn True',
        '__import__("os")\nreturn True',
        "request.message.save()\nreturn True",
        "request.message.delete()\nreturn True",
        'request.message.text = "changed"\nreturn True',
        "request._meta\nreturn True",
        "request.__class__.__mro__\nreturn True",
        'getattr(request, "__class__")\nreturn True',
        'eval("1")\nreturn True',
        'exec("x = 1")\nreturn True',
        '"{0.__class__}".format(request)\nreturn True',
        "(x for x in []).gi_frame\nreturn True",
        "raise ValueError(1)",
        "return 1 / 0",
        "return request.nothing",
        "globals()\nreturn True",
        "del request.message\nreturn True",
        "process.__globals__\nreturn True",
        "this is not Python",
    ],
)
def test_code_that_reaches_further_fails_and_is_passed_over_with_a_note(sort, code):
    """It costs nobody the message; the reason is on the request."""
    category("Bad", code, sequence=1)
    rest = category("Rest", "return True", sequence=2)
    request = sort()
    assert request.category == rest and request.status == "QUEUED"
    assert request.error.startswith("category 'Bad' failed: ")
    assert Message.objects.get().text == "please refund me"


def test_code_without_the_function_is_passed_over_with_a_note(sort):
    """``def process(request)`` is what is called."""
    RequestCategory.objects.create(name="Bad", processing_function="x = 1")
    request = sort()
    assert request.category is None and "process" in request.error and request.status == "QUEUED"


def test_a_category_is_for_its_channels_and_its_members_only(sort, channel, internal):
    """Empty means every channel; a category that is not public needs a member or a group of theirs."""
    elsewhere = category("Elsewhere", "return True", sequence=1)
    elsewhere.channels.add(internal)
    staff = category("Staff", "return True", sequence=2, is_public=False)
    category("Off", "return True", sequence=3, is_active=False)
    everybody = category("Everybody", "return True", sequence=4)
    assert sort().category == everybody
    member = Member.objects.create(name="Ann")
    from unicom.models import Account

    Account.objects.update(member=member)
    assert sort().category == everybody
    group = MemberGroup.objects.create(name="Staff")
    member.groups.add(group)
    staff.groups.add(group)
    assert sort().category == staff


def test_an_account_without_a_member_is_in_no_closed_category(sort):
    """Also where a closed category names nobody at all."""
    category("Closed", "return True", is_public=False)
    assert sort().category is None


def test_code_that_never_ends_does_not_hold_the_inbox_for_ever(sort):
    """A loop of a million steps ends as a note, or ends."""
    category("Busy", "n = 0\nfor x in range(100000):\n    n += 1\nreturn n == 100000")
    assert sort().category is not None
