"""Keep what one sender may use up within a day, and how often a model may be asked within one turn."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Sum
from django.utils import timezone

from unicom.conf import settings
from unicom.models import Request

DAY = timedelta(hours=24)


def refusal(request: Request) -> str:
    """Return why no model may be asked (again) for a request, or nothing."""
    rounds = int(request.llm.get("round", 0))
    if rounds >= settings.UNICOM_LLM_MAX_ROUNDS:
        return (
            f"the model was asked {rounds} times within one turn and still calls tools; "
            f"UNICOM_LLM_MAX_ROUNDS is the limit"
        )
    if request.account_id is None:
        return ""
    used = Request.objects.filter(account_id=request.account_id, created_at__gte=timezone.now() - DAY).aggregate(
        calls=Sum("llm_calls_count"), tokens=Sum("llm_token_usage")
    )
    for key, most in (("calls", settings.UNICOM_LLM_DAILY_CALLS), ("tokens", settings.UNICOM_LLM_DAILY_TOKENS)):
        if most and (used[key] or 0) >= most:
            limit = f"UNICOM_LLM_DAILY_{key.upper()}"
            return f"{request.account_id} has used {used[key]:,} {key} within 24 hours; {limit} is the limit"
    return ""
