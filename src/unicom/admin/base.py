"""Hold what every page of ours has in common: cheap lists, no secrets in error pages, records that cannot be edited."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, cast

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote
from django.db.models import Model, QuerySet
from django.db.models.fields.related import ManyToManyField
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.debug import SafeExceptionReporterFilter

from unicom import access
from unicom.admin.rows import TeamRows, with_team_filters
from unicom.admin.typed import ModelAdmin, Pages
from unicom.models import Channel

COUNT_CAP = 10_000


class NothingShown(SafeExceptionReporterFilter):
    """Keep every local variable and posted value out of error pages and mails, whatever DEBUG says."""

    def is_active(self, request: HttpRequest | None) -> bool:
        """Say that there is something to hide."""
        return True

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        """Name what was posted, without the values."""
        return {} if request is None else dict.fromkeys(request.POST, self.cleansed_substitute)

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: Any) -> Any:
        """Name the variables of a frame, without the values."""
        return [(name, self.cleansed_substitute) for name in tb_frame.f_locals]


class CappedPaginator(Pages):
    """Count no further than anyone would page: a table of millions costs no more than its first rows."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, at most COUNT_CAP."""
        return int(cast("QuerySet[Any]", self.object_list)[:COUNT_CAP].count())


class ChannelFilter(admin.SimpleListFilter):
    """Narrow a list to a channel, by name alone: no config is read."""

    title = _("channel")
    parameter_name = "channel"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        """Return the user's channels."""
        return list(access.access_channels(request.user).order_by("name").values_list("pk", "name")[:200])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the chosen channel."""
        value = str(self.value() or "")
        if not value:
            return queryset
        known = value.isascii() and value.isdigit() and len(value) < 19
        return queryset.filter(channel_id=value) if known else queryset.none()


class Consequence:
    """Name rows that go when an object goes, and how to find them."""

    def __init__(self, model: type[Model], lookup: str, *, asks: bool = False) -> None:
        self.model = model
        self.lookup = lookup
        self.asks = asks
        """Whether the user must be allowed to delete these, too."""


class UnicomAdmin(TeamRows, ModelAdmin):
    """Be the parent of all our pages; what of them is a team's, :mod:`unicom.access` says."""

    list_per_page = 50
    list_max_show_all = 200
    show_full_result_count = False
    paginator = CappedPaginator
    consequences: ClassVar[Sequence[Consequence]] = ()
    """What is deleted along; shown as counts, never as a list of everything."""
    channel_path: ClassVar[str] = ""
    """The relation that leads to a channel, whose config no list has to decrypt."""

    class Media:
        css: ClassVar = {"all": ["unicom/admin/unicom.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave the secrets of channels in the database."""
        rows = super().get_queryset(request)
        # Django forgets list_select_related where a queryset has relations of its own.
        related = (self.channel_path, *(self.list_select_related or ()))  # type: ignore[misc]
        rows = rows.select_related(*filter(None, related)) if any(related) else rows
        return rows.defer(f"{self.channel_path}__config") if self.channel_path else rows

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse what concerns channels of others as well."""
        return super().has_change_permission(request, obj) and (obj is None or _is_theirs(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse what concerns channels of others as well."""
        return super().has_delete_permission(request, obj) and (obj is None or _is_theirs(request, obj))

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Have no filter name what the user may not see."""
        return with_team_filters(self.model, super().get_list_filter(request))

    def formfield_for_manytomany(self, db_field: ManyToManyField[Any, Any], request: HttpRequest, **kwargs: Any) -> Any:
        """Ask whoever does not work with every channel to name some: none would be all of them."""
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        if field is not None and db_field.related_model is Channel and access.is_limited(request.user):
            field.required = True
        return field

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Run an action on the chosen rows, except those that concern channels of others as well."""
        theirs = access.changeable(queryset, request.user)
        if theirs is not queryset and request.POST.get("select_across") != "1":
            chosen = queryset.filter(pk__in=request.POST.getlist(ACTION_CHECKBOX_NAME))
            left = chosen.exclude(pk__in=theirs.order_by().values("pk")).count()
            if left:
                text = ngettext(
                    "%(count)d was left as it was: it concerns channels of other teams as well.",
                    "%(count)d were left as they were: they concern channels of other teams as well.",
                    left,
                )
                self.message_user(request, text % {"count": left}, messages.WARNING)
        return super().response_action(request, theirs, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the list, or run an action."""
        request.exception_reporter_filter = NothingShown()
        return super().changelist_view(request, extra_context)

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show or save one row."""
        request.exception_reporter_filter = NothingShown()
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """Say what a deletion takes along, in numbers; large conversations are never loaded for that."""
        objs = list(objs)
        name = self.opts.verbose_name if len(objs) == 1 else self.opts.verbose_name_plural
        listed: list[Any] = [f"{capfirst(str(self.opts.verbose_name))}: {obj}" for obj in objs[:100]]
        counts: dict[str, int] = {str(name): len(objs)}
        needed: set[str] = set()
        if not all(self.has_delete_permission(request, obj) for obj in objs or (None,)):
            needed.add(str(self.opts.verbose_name))
        for item in self.consequences:
            rows = item.model._default_manager.filter(**{f"{item.lookup}__in": objs})
            count = rows.count()
            if not count:
                continue
            theirs = access.changeable(rows, request.user)
            if theirs is not rows and theirs.count() < count:
                needed.add(str(item.model._meta.verbose_name))
            opts = item.model._meta
            listed.append(f"{count:,} {opts.verbose_name if count == 1 else opts.verbose_name_plural}")
            counts[str(opts.verbose_name_plural)] = count
            if item.asks and not request.user.has_perm(f"{opts.app_label}.delete_{opts.model_name}"):
                needed.add(str(opts.verbose_name))
        return listed, counts, needed, []

    def link(self, model: type[Model], pk: Any, label: Any) -> Any:
        """Return a link to a row's page; the label is escaped."""
        if pk in (None, ""):
            return self.get_empty_value_display()
        try:
            url = reverse(
                f"admin:{model._meta.app_label}_{model._meta.model_name}_change",
                args=[quote(pk)],
                current_app=self.admin_site.name,
            )
        except NoReverseMatch:
            return str(label)
        return format_html('<a href="{}">{}</a>', url, label or str(pk))


class RecordAdmin(UnicomAdmin):
    """Show what the pipeline wrote: nobody edits it by hand; actions ask for the change permission as ``operate``."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: the pipeline alone writes these."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: the pipeline alone writes these."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: they go with what they belong to."""
        return False

    def has_operate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user may run the actions."""
        return super().has_change_permission(request, obj)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let those in who may see or operate."""
        codename = f"{self.opts.app_label}.%s_{self.opts.model_name}"
        return request.user.has_perm(codename % "view") or request.user.has_perm(codename % "change")


def _is_theirs(request: HttpRequest, obj: Any) -> bool:
    """Tell whether a row concerns the user's channels only; found out once a request, however often it is asked."""
    known: dict[Any, bool] = request.__dict__.setdefault("_unicom_theirs", {})
    key = type(obj), obj.pk
    if key not in known:
        known[key] = access.may_change(request.user, obj)
    return known[key]


def may_read(request: HttpRequest) -> bool:
    """Tell whether the user may read messages, whatever page shows words of theirs."""
    return request.user.has_perm("unicom.view_message") or request.user.has_perm("unicom.change_message")


def may_send(request: HttpRequest) -> bool:
    """Tell whether the user may send messages."""
    return request.user.has_perm("unicom.add_message")


def short_id(pk: str) -> Any:
    """Return the end of one of our long ids, which tells rows apart; a short one whole."""
    return format_html('<span class="unicom-id">…{}</span>', pk[-8:]) if len(pk) > 12 else pk


def report(model_admin: ModelAdmin, request: HttpRequest, done: int, total: int, texts: tuple[str, str]) -> None:
    """Tell how many of the chosen rows an action applied to, and how many it did not."""
    if done:
        model_admin.message_user(request, ngettext(*texts, done) % {"count": done}, messages.SUCCESS)
    if done < total:
        left = ngettext(
            "%(count)d was left as it was: the action does not apply to it.",
            "%(count)d were left as they were: the action does not apply to them.",
            total - done,
        )
        model_admin.message_user(request, left % {"count": total - done}, messages.WARNING)


def apply_each(rows: Iterable[Any], action: Callable[[Any], bool]) -> tuple[int, int]:
    """Run an action on each row; returns how many it applied to, and how many there were."""
    results = [action(row) for row in rows]
    return sum(results), len(results)
