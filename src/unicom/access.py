"""Say which channels a member of staff works with, and which rows of any model are theirs through these.

A channel with teams is its teams' alone: their members and superusers see it and what is its. One without is for every
member of staff. All this is asked beside Django's permissions, which say what somebody does, not where.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from django.db.models import (
    BigIntegerField,
    Exists,
    F,
    ForeignKey,
    ManyToManyField,
    Model,
    OuterRef,
    Q,
    QuerySet,
)
from django.db.models.functions import Coalesce

from unicom.models import Account, AccountChat, Channel, Job

Rows = QuerySet[Any]


def access_channels(user: Any) -> QuerySet[Channel]:
    """Return the channels the user works with: those without teams, and those of a team the user is in."""
    if not user.is_active:
        return Channel.objects.none()
    if _is_unlimited(user):
        return Channel.objects.all()
    teams = Channel.teams.through.objects.filter(channel=OuterRef("pk"))
    groups = getattr(user, "groups", None)  # a project's own user model may have none
    if groups is None:
        return Channel.objects.filter(~Exists(teams))
    return Channel.objects.filter(~Exists(teams) | Exists(teams.filter(group__in=groups.values("pk"))))


def visible(rows: Rows, user: Any) -> Rows:
    """Return those of the rows that belong to the user's channels; all of them where their model knows no channel."""
    rule = rule_of(_model(rows))
    return rows if rule is None or _is_unlimited(user) else rule.visible(rows, access_channels(user))


def changeable(rows: Rows, user: Any) -> Rows:
    """Return those of the visible rows that concern no channel of others, and so may be changed and deleted."""
    rule = rule_of(_model(rows))
    return rows if rule is None or _is_unlimited(user) else rule.changeable(rows, access_channels(user))


def may_change(user: Any, row: Model) -> bool:
    """Tell whether a stored row may be changed: it concerns the user's channels only, and refers to nothing hidden."""
    if _is_unlimited(user) or rule_of(type(row)) is None:
        return True
    mine = changeable(type(row)._default_manager.filter(pk=row.pk), user)
    return mine.exists() and not any(_hides(row, field, user) for field in _references(type(row)))


def is_limited(user: Any) -> bool:
    """Tell whether there is any channel that the user does not work with."""
    return not _is_unlimited(user) and _others(access_channels(user)).exists()


def _is_unlimited(user: Any) -> bool:
    return bool(user.is_active and getattr(user, "is_superuser", False))


def _others(allowed: QuerySet[Channel]) -> QuerySet[Channel]:
    return Channel.objects.exclude(pk__in=allowed.values("pk"))


# The rules, found by how a model leads to a channel


class Rule(Protocol):
    """Narrow the rows of a model, given the channels somebody works with."""

    def visible(self, rows: Rows, allowed: QuerySet[Channel]) -> Rows:
        """Return the rows that may be seen."""

    def changeable(self, rows: Rows, allowed: QuerySet[Channel]) -> Rows:
        """Return the rows that may be changed."""


@dataclass(frozen=True)
class OfOne:
    """Hold for rows of one channel, by the first of the paths that leads to any.

    What belongs to none any more is for those from whom no channel is hidden.
    """

    paths: tuple[str, ...]
    is_always_one: bool

    def visible(self, rows: Rows, allowed: QuerySet[Channel]) -> Rows:
        """Return the rows of those channels."""
        name = self.paths[0]
        if len(self.paths) > 1:
            name = "unicom_channel_id"
            rows = rows.alias(unicom_channel_id=Coalesce(*map(F, self.paths), output_field=BigIntegerField()))
        found = Q(**{f"{name}__in": allowed.values("pk")})
        if not self.is_always_one:
            found |= Q(~Exists(_others(allowed)), **{f"{name}__isnull": True})
        return rows.filter(found)

    def changeable(self, rows: Rows, allowed: QuerySet[Channel]) -> Rows:
        """Return the same ones."""
        return self.visible(rows, allowed)


@dataclass(frozen=True)
class OfSeveral:
    """Hold for rows of several channels: any of them shows a row, but it takes all of them to change it."""

    links: type[Model]
    row: str
    """The links' field that names the row, and the path from there to the channel."""
    path: str
    none_is_all: bool
    """Whether a row with no link is about every channel, or about none any more."""

    def visible(self, rows: Rows, allowed: QuerySet[Channel]) -> Rows:
        """Return the rows that are linked to any of those channels, and those about every channel."""
        links = self._links()
        unlinked = Q(~Exists(links)) if self.none_is_all else Q(~Exists(links), ~Exists(_others(allowed)))
        return rows.filter(Q(Exists(links.filter(**{f"{self.path}__in": allowed.values("pk")}))) | unlinked)

    def changeable(self, rows: Rows, allowed: QuerySet[Channel]) -> Rows:
        """Return the rows that are linked to those channels alone."""
        links, others = self._links(), _others(allowed)
        linked = Q(Exists(links), ~Exists(links.filter(**{f"{self.path}__in": others.values("pk")})))
        return rows.filter(linked | Q(~Exists(links), ~Exists(others)))

    def _links(self) -> Rows:
        return self.links._default_manager.filter(**{self.row: OuterRef("pk")})


@dataclass(frozen=True)
class OfAnother:
    """Hold for rows that are part of another row."""

    field: str
    model: type[Model]
    rule: Rule

    def visible(self, rows: Rows, allowed: QuerySet[Channel]) -> Rows:
        """Return the parts of what may be seen."""
        return self._parts_of(self.rule.visible(self.model._default_manager.all(), allowed), rows, allowed)

    def changeable(self, rows: Rows, allowed: QuerySet[Channel]) -> Rows:
        """Return the parts of what may be changed."""
        return self._parts_of(self.rule.changeable(self.model._default_manager.all(), allowed), rows, allowed)

    def _parts_of(self, whole: Rows, rows: Rows, allowed: QuerySet[Channel]) -> Rows:
        orphans = Q(~Exists(_others(allowed)), **{f"{self.field}__isnull": True})
        return rows.filter(Q(**{f"{self.field}__in": whole.order_by().values("pk")}) | orphans)


@dataclass(frozen=True)
class OfAll:
    """Hold for what is about the whole installation: only those from whom no channel is hidden see it."""

    def visible(self, rows: Rows, allowed: QuerySet[Channel]) -> Rows:
        """Return all rows, or none."""
        return rows.filter(~Exists(_others(allowed)))

    def changeable(self, rows: Rows, allowed: QuerySet[Channel]) -> Rows:
        """Return the same ones."""
        return self.visible(rows, allowed)


@cache
def rule_of(model: type[Model]) -> Rule | None:
    """Return how rows of a model lead to channels, or None where they do not; projects' own models are read, too."""
    return _rule(model, ())


def _rule(model: type[Model], before: tuple[type[Model], ...]) -> Rule | None:
    concrete = model._meta.concrete_model
    if concrete is Channel:
        return OfOne(("pk",), is_always_one=True)
    if concrete is Account:
        return OfSeveral(AccountChat, "account", "chat__channel", none_is_all=False)
    if concrete is Job:
        return OfAll()
    links = next((field for field in model._meta.many_to_many if field.related_model is Channel), None)
    if links is not None:
        through: Any = links.remote_field.through
        return OfSeveral(through, links.m2m_field_name(), links.m2m_reverse_field_name(), none_is_all=True)
    return _by_foreign_keys(model, (*before, model))


def _by_foreign_keys(model: type[Model], before: tuple[type[Model], ...]) -> Rule | None:
    """Return the rule by a model's foreign keys: to a channel, to what has such a key, else to what it is part of."""
    fields = [field for field in model._meta.concrete_fields if isinstance(field, ForeignKey)]
    keys = [(field.name, field.null) for field in fields if field.related_model is Channel]
    keys += [
        (f"{field.name}__{key.name}", field.null or key.null)
        for field in fields
        for key in _channel_keys(_related(field))
    ]
    sure = next((number for number, (_path, may_be_empty) in enumerate(keys) if not may_be_empty), None)
    if keys:
        paths = tuple(path for path, _may_be_empty in keys[: None if sure is None else sure + 1])
        return OfOne(paths, is_always_one=sure is not None)
    for field in fields:
        whole = _related(field)
        rule = _rule(whole, before) if whole not in before else None
        if rule is not None:
            return OfAnother(field.name, whole, rule)
    return None


def _channel_keys(model: type[Model]) -> list[Any]:
    return [
        field
        for field in model._meta.concrete_fields
        if isinstance(field, ForeignKey) and field.related_model is Channel
    ][:1]


def _model(rows: Rows) -> type[Model]:
    found: type[Model] = rows.model
    return found


def _related(field: Any) -> type[Model]:
    found: type[Model] = field.related_model
    return found


@cache
def _references(model: type[Model]) -> tuple[Any, ...]:
    """Return the fields of a form that lead to rows which may be hidden; channels of its own are the rule's."""
    fields = [*model._meta.concrete_fields, *model._meta.many_to_many]
    return tuple(
        field
        for field in fields
        if isinstance(field, ForeignKey | ManyToManyField)
        and field.editable
        and field.related_model is not Channel
        and rule_of(_related(field)) is not None
    )


def _hides(row: Any, field: Any, user: Any) -> bool:
    """Tell whether a row refers to something the user does not see, which a form would drop when it is saved."""
    model = _related(field)
    many = isinstance(field, ManyToManyField)
    chosen = getattr(row, field.name).all() if many else model._default_manager.filter(pk=getattr(row, field.attname))
    return bool(chosen.exclude(pk__in=visible(model._default_manager.all(), user).order_by().values("pk")).exists())
