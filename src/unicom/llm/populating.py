"""Have a language model fill a template in."""

from __future__ import annotations

import re
from typing import Any

from unicom.conf import settings
from unicom.errors import ModelError
from unicom.llm import providers
from unicom.llm.providers import Prompt
from unicom.models import MessageTemplate

INSTRUCTION = (
    "You fill in message templates. You get a template in HTML and, as JSON, what is to go into it. Answer with the "
    "finished HTML alone: no explanations, no code fences. Keep the markup, the links and the images as they are; "
    "replace placeholders such as {{name}} by what the data say, and leave out what they say nothing about."
)
_FENCE = re.compile(r"\A\s*```(?:html)?\s*\n(.*?)\n?```\s*\Z", re.DOTALL)


def populate(template: MessageTemplate, html_prompt: str, *, model: str | None = None, **options: Any) -> str:
    """Return the template's HTML as a model has filled it in; raises ModelError."""
    provider, name = providers.find(model or settings.UNICOM_LLM_MODEL)
    asked = f"The template:\n\n{template.content}\n\nWhat is to go into it:\n\n{html_prompt}"
    messages = [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": asked}]
    completion = provider.complete(Prompt(model=name, messages=messages, options=options))
    if completion.is_cut:
        raise ModelError("the model's answer was cut where it had to end; the template is too long for it", code="cut")
    found = _FENCE.match(completion.text)
    html = found[1] if found else completion.text.strip()
    if not html:
        raise ModelError("the model said nothing", retryable=True, code="nothing")
    return html
