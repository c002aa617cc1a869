"""Hold that no page of the admin shows a model whose rows lead to a channel without asking whose channel it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import models
from django.test import RequestFactory

from tests.architecture.sources import packages
from unicom import access
from unicom.admin.base import UnicomAdmin
from unicom.admin.rows import TeamRows
from unicom.models import Account, Channel, Job

pytestmark = [pytest.mark.once, pytest.mark.django_db]

TEAMS = Channel.teams.through._meta.db_table
# The operator's own books, and what belongs to no conversation.
OF_NO_CHANNEL = {"Member", "MemberGroup", "WorkerHeartbeat"}


def ours() -> Iterator[tuple[type[models.Model], Any]]:
    """Give every model of ours that has pages, with its pages."""
    for model, pages in admin.site._registry.items():
        if model._meta.app_label in packages():
            yield model, pages


def asked_by_staff() -> Any:
    request = RequestFactory().get("/")
    request.user = User.objects.create_user("staff", is_staff=True)
    request.user.user_permissions.set(Permission.objects.all())
    return request


def reaches_a_channel(model: Any, seen: frozenset[Any] = frozenset()) -> bool:
    """Tell whether foreign keys and relations of several lead from a model to channels, however far."""
    if model is Channel:
        return True
    fields = [field for field in model._meta.get_fields() if field.is_relation and not field.auto_created]
    return any(
        reaches_a_channel(field.related_model, seen | {model})
        for field in fields
        if field.related_model not in seen and field.related_model is not None
    )


def test_every_model_that_leads_to_a_channel_has_a_rule() -> None:
    """Found from its fields; accounts, which chats lead to, and jobs, which name rows, have theirs written down."""
    without = set()
    for name in packages():
        if apps.is_installed(name):
            for model in apps.get_app_config(name).get_models():
                if access.rule_of(model) is None:
                    assert not reaches_a_channel(model), model
                    without.add(model.__name__)
    assert without == OF_NO_CHANNEL
    assert access.rule_of(Account) is not None and access.rule_of(Job) is not None


def test_every_page_shows_only_rows_of_the_user_s_channels() -> None:
    request = asked_by_staff()
    for model, pages in ours():
        assert isinstance(pages, UnicomAdmin), model
        if access.rule_of(model) is not None:
            assert TEAMS in str(pages.get_queryset(request).query), model
        for inline in pages.get_inline_instances(request):
            assert isinstance(inline, TeamRows), inline
        for kind in pages.inlines:
            inner: Any = kind(model, admin.site)
            if access.rule_of(inner.model) is not None:
                assert TEAMS in str(inner.get_queryset(request).query), kind


def test_every_choice_and_filter_names_only_rows_of_the_user_s_channels() -> None:
    request = asked_by_staff()
    for model, pages in ours():
        inlines = [inline(model, admin.site) for inline in pages.inlines]
        for page in (pages, *inlines):
            for field in (*page.model._meta.concrete_fields, *page.model._meta.many_to_many):
                if not isinstance(field, models.ForeignKey | models.ManyToManyField) or not field.editable:
                    continue
                form = page.formfield_for_dbfield(field, request)
                if form is not None and access.rule_of(field.related_model) is not None:
                    assert TEAMS in str(form.queryset.query), field
        for item in pages.get_list_filter(request):
            if isinstance(item, str):
                found = model._meta.get_field(item)
                assert not found.is_relation or access.rule_of(found.related_model) is None, item


def test_no_view_of_the_admin_finds_rows_by_another_way() -> None:
    """What is asked of a manager directly, in a function that a request comes to, goes through ``access``."""
    import ast

    from tests.architecture.sources import sources

    direct = []
    for source in sources():
        if not source.name.startswith(("unicom/admin/", "unicom/views/")):
            continue
        for function in ast.walk(source.tree):
            if isinstance(function, ast.FunctionDef) and any(arg.arg == "request" for arg in function.args.args):
                body = ast.unparse(function)
                if ".objects" in body and "access." not in body and function.name not in KNOWN:
                    direct.append(f"{source.name}: {function.name}")
    assert direct == []


KNOWN = {
    # They begin with rows that were narrowed before.
    "replay", "discard", "complete", "cancel", "validate_selected", "read_again", "run_again", "get_object",
    "reply_view", "changeform_view", "get_results", "get_queryset",
    # Whoever has the address sees the image; webhooks are authenticated by their platform.
    "template_inline_image", "webhook", "shared_webhook",
}  # fmt: skip
