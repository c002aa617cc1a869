"""Read how a model is to answer: what a caller of ``reply_using_llm`` asked for, kept on the request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from unicom.conf import settings
from unicom.errors import InvalidMessage, InvalidTool
from unicom.llm import tools as tools_
from unicom.llm.tool_calls import plain
from unicom.llm.transcript import DEPTH, MODES

_PLAIN_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "model": str,
    "system_instruction": str,
    "depth": int,
    "mode": str,
    "multimodal": bool,
    "voice": str,
    "apology": str,
    "stream": bool,
    "max_prompt_tokens": int,
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """Be how a model is to answer."""

    model: str = ""
    system_instruction: str = ""
    depth: int = DEPTH
    mode: str = "chat"
    multimodal: bool = True
    voice: str = ""
    """With what voice a spoken message is answered; empty: in writing."""
    stream: bool = False
    apology: str = ""
    """What the person is told where there is no answer; empty: nothing."""
    max_prompt_tokens: int = 0
    tools: tuple[Mapping[str, Any], ...] = ()
    """Specs, from which any process finds the functions."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What is passed on to the provider."""

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Self:
        """Check what a caller gave; raises InvalidMessage naming every bad key."""
        given = {key: value for key, value in given.items() if value is not None}
        problems: dict[str, str] = {}
        for key, kind in _PLAIN_TYPES.items():
            value = given.get(key)
            if value is not None and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
                problems[key] = f"{value!r} is not of type {getattr(kind, '__name__', kind)}"
        if not problems and given.get("depth", 1) < 1:
            problems["depth"] = f"{given['depth']!r} is not a number from 1 on"
        if given.get("mode", "chat") not in MODES:
            problems["mode"] = f"{given['mode']!r} is not one of {', '.join(MODES)}"
        specs = _specs(given.get("tools", ()), problems)
        known = {item.name for item in fields(cls)}
        extra = {key: value for key, value in given.items() if key not in known}
        extra.update(given.get("extra") or {})
        try:
            extra = plain(extra)
        except ValueError as error:
            problems["options"] = str(error)
        if problems:
            raise InvalidMessage(problems)
        chosen = {key: value for key, value in given.items() if key in _PLAIN_TYPES}
        return cls(
            **{**chosen, "model": chosen.get("model") or settings.UNICOM_LLM_MODEL, "tools": specs, "extra": extra}
        )

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads."""
        return {**asdict(self), "tools": [dict(spec) for spec in self.tools]}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Make the options of what was stored; unknown keys are a later version's."""
        known = {item.name for item in fields(cls)}
        values = {key: value for key, value in stored.items() if key in known}
        return cls(**{**values, "tools": tuple(values.get("tools", ()))})


def _specs(given: Any, problems: dict[str, str]) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(given, Iterable) or isinstance(given, str | Mapping):
        problems["tools"] = f"a list of tools is needed, not {given!r}"
        return ()
    try:
        return tuple(plain(tool.spec()) for tool in tools_.resolve(given))
    except InvalidTool as error:
        problems.update(error.problems)
        return ()
