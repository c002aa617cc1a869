"""Count opens and clicks, and say whether a person was it; two at the same moment are both kept."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote, urlsplit, urlunsplit

from django.db import transaction
from django.utils import timezone

from unicom.models import Message

Verdict = Literal["human", "machine", "unknown"]
# Nobody reads a mail this soon after it was handed over.
AT_ONCE = timedelta(seconds=2)
_PROXIES = re.compile(r"(?i)GoogleImageProxy|YahooMailProxy|ggpht|via ggpht|OutlookImageProxy")
_MACHINES = re.compile(
    r"(?i)bot\b|crawl|spider|scan|monitor|curl|wget|python|httpx|java/|go-http|okhttp|libwww|headless|preview|"
    r"proofpoint|mimecast|barracuda|fortiguard|symantec|safelinks|urldefense|checkpoint|trendmicro|sophos|virustotal"
)


def judge(method: str, agent: str, sent_at: datetime | None, now: datetime) -> Verdict:
    """Return who seems to have fetched something: a person, a machine, or a proxy that fetches for either."""
    if method == "HEAD" or not agent.strip() or _MACHINES.search(agent):
        return "machine"
    if sent_at is not None and now - sent_at < AT_ONCE:
        return "machine"
    # Apple's privacy proxy names itself no further than this, and fetches every mail's pictures.
    if agent.strip() == "Mozilla/5.0" or _PROXIES.search(agent):
        return "unknown"
    return "human"


def opened(tracking_id: Any, *, method: str, agent: str) -> bool:
    """Count one fetch of a pixel; False where there is no such mail."""
    now = timezone.now()
    with transaction.atomic():
        message = _locked(tracking_id)
        if message is None:
            return False
        verdict = judge(method, agent, message.time_sent, now)
        counts = _counted(message, "opens", verdict)
        changed: dict[str, Any] = {"raw": {**message.raw, "tracking": counts}}
        if verdict != "machine" and not message.opened:
            changed.update(opened=True, time_opened=now)
        Message.objects.filter(pk=message.pk).update(**changed)
    return True


def clicked(tracking_id: Any, number: int, *, method: str, agent: str) -> tuple[Message, str] | None:
    """Count one click; returns the mail and where its link leads, None where it has no such link."""
    now = timezone.now()
    with transaction.atomic():
        message = _locked(tracking_id)
        urls = message.raw.get("original_urls") if message is not None else None
        if message is None or not isinstance(urls, list) or not 0 <= number < len(urls):
            return None
        url = str(urls[number])
        verdict = judge(method, agent, message.time_sent, now)
        counts = _counted(message, "clicks", verdict)
        links = {**counts.get("links", {})}
        links[str(number)] = links.get(str(number), 0) + 1
        changed: dict[str, Any] = {"raw": {**message.raw, "tracking": {**counts, "links": links}}}
        if verdict != "machine":
            if url not in message.clicked_links:
                changed["clicked_links"] = [*message.clicked_links, url]
            if not message.link_clicked:
                changed.update(link_clicked=True, time_link_clicked=now)
        Message.objects.filter(pk=message.pk).update(**changed)
    return message, url


def _locked(tracking_id: Any) -> Message | None:
    rows = Message.objects.select_for_update(of=("self",)).select_related("channel").defer("text", "html")
    return rows.filter(tracking_id=tracking_id, is_outgoing=True).first()


def _counted(message: Message, what: str, verdict: Verdict) -> dict[str, Any]:
    counts = dict(message.raw.get("tracking") or {})
    by_verdict = dict(counts.get(what) or {})
    by_verdict[verdict] = by_verdict.get(verdict, 0) + 1
    return {**counts, what: by_verdict}


def with_parameter(url: str, name: str, value: str) -> str:
    """Return an address with one more query parameter, the rest of it as it was."""
    if not name:
        return url
    parts = urlsplit(url)
    pair = f"{quote(name)}={quote(value)}"
    return urlunsplit(parts._replace(query=f"{parts.query}&{pair}" if parts.query else pair))
