"""Offer ``{% webchat_component %}``."""

from __future__ import annotations

from django import template

from unicom.platforms.webchat.component import webchat_component

register = template.Library()
register.simple_tag(webchat_component, takes_context=True)
