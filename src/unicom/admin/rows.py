"""Narrow every list, page, choice and filter of the admin to the channels of whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.options import BaseModelAdmin
from django.contrib.admin.utils import get_fields_from_path
from django.db.models import QuerySet
from django.db.models.fields.related import ForeignKey, RelatedField
from django.http import HttpRequest

from unicom import access
from unicom.admin import typed
from unicom.models import Channel

if TYPE_CHECKING:
    Base = BaseModelAdmin[Any]
else:
    Base = BaseModelAdmin


class TeamRows(Base):
    """Show and offer only what belongs to the user's channels; for pages and for what stands within them."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows the user may see: pages, searches, suggestions, actions and histories begin here."""
        return access.visible(super().get_queryset(request), request.user)

    def get_field_queryset(self, db: Any, db_field: RelatedField[Any, Any], request: HttpRequest) -> Any:
        """Offer no row that the user may not see, and channels without their secrets."""
        rows = super().get_field_queryset(db, db_field, request)
        model: Any = db_field.related_model
        if access.rule_of(model) is None:
            return rows
        rows = access.visible(model._default_manager.using(db) if rows is None else rows, request.user)
        return rows.defer("config").order_by("name") if model is Channel else rows


class TabularInline(TeamRows, typed.TabularInline):
    """Be a table within a page."""


class StackedInline(TeamRows, typed.StackedInline):
    """Be forms within a page."""


class RelatedFilter(admin.RelatedFieldListFilter):
    """Narrow a list by a relation, naming no row that the user may not see."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        """Return what can be chosen."""
        rows = access.visible(field.related_model._default_manager.all(), request.user)
        ordering = self.field_admin_ordering(field, request, model_admin)
        return field.get_choices(
            include_blank=False, ordering=ordering, limit_choices_to={"pk__in": rows.order_by().values("pk")}
        )


def with_team_filters(model: Any, filters: Any) -> list[Any]:
    """Return the filters of a list, those by a relation that may lead to hidden rows replaced."""
    return [(item, RelatedFilter) if _leads_to_channels(model, item) else item for item in filters]


def _leads_to_channels(model: Any, item: Any) -> bool:
    if not isinstance(item, str):
        return False
    field = get_fields_from_path(model, item)[-1]
    return isinstance(field, ForeignKey) and access.rule_of(field.related_model) is not None
