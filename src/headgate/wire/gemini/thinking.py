"""How much Gemini shall think (Gemini API, thinking; the figures are those of its OpenAI compatibility, thinking)."""

from typing import Any, Final

from headgate.domain.prompt import Prompt
from headgate.wire.crossing import Dropped

_LEVELS: Final = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH"}
_BUDGETS: Final = {"minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576}
_LEAST_OF_PRO: Final = 128
"""Tokens; Gemini 2.5 Pro cannot be kept from thinking."""


def thinking_config(prompt: Prompt, model_id: str, *, in_levels: bool, dropped: Dropped) -> dict[str, Any] | None:
    """Levels for Gemini 3 and later, budgets for those before: a request may not hold both.

    What is given up of the caller's wish is named: a budget beside an effort, an effort above the highest, and no
    thought at all where a model always thinks. Thoughts are shown to callers that asked for some.
    """
    effort, budget = prompt.reasoning_effort, prompt.reasoning_tokens
    if not effort and budget is None:
        return None
    always = in_levels or "pro" in model_id
    if effort == "none":
        dropped.add("reasoning_effort", always)
        if in_levels:
            return {"thinkingLevel": "LOW" if "pro" in model_id else "MINIMAL"}
        return {"thinkingBudget": _LEAST_OF_PRO if always else 0}
    if budget is not None and not (effort and in_levels):
        dropped.add("reasoning_effort", effort)
        return {"thinkingBudget": budget, "includeThoughts": True}
    dropped.add("thinking.budget_tokens", budget is not None)
    dropped.add("reasoning_effort", effort not in _LEVELS)
    if not in_levels:
        return {"thinkingBudget": _BUDGETS.get(effort, _BUDGETS["high"]), "includeThoughts": True}
    level = _LEVELS.get(effort, "HIGH")
    if level == "MINIMAL" and "pro" in model_id:
        level = "LOW"  # what Google itself makes of it
    return {"thinkingLevel": level, "includeThoughts": True}
