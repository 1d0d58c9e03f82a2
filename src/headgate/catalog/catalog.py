"""Which deployments may serve a call, in the order in which they are tried."""

import re
from collections.abc import Collection
from difflib import get_close_matches
from functools import lru_cache
from typing import Final
from weakref import WeakKeyDictionary

import msgspec

from headgate.catalog.prices import known_model
from headgate.domain.policy import Candidate, Deployment, Policy, UseCase
from headgate.domain.refusal import Refusal

MAX_NAME_CHARS: Final = 256
"""Characters of a model's name; a longer one names nothing."""
MAX_RESOLVED_NAMES: Final = 4096
"""Names remembered for each policy; callers make up names where a pattern takes any."""

_RESOLVED: Final[WeakKeyDictionary[Policy, dict[tuple[str, str], tuple[Candidate, ...]]]] = WeakKeyDictionary()


class Listed(msgspec.Struct, frozen=True):
    """A model as lists show it."""

    id: str
    tier: str
    status: str
    """`available`, or `unavailable` while every deployment is held back or drained."""


def candidates(policy: Policy, use_case: UseCase, asked: str) -> tuple[Candidate, ...]:
    """The deployments for `asked`, then those of the rest of the use case's chain; never empty.

    An empty name, `auto`, or a use case's name asks for the chain alone. An exact name wins over a pattern, a longer
    pattern over a shorter. The answer is remembered for as long as the policy lives.

    Raises:
        Refusal: `model_not_found`.
    """
    resolved = _RESOLVED.get(policy)
    if resolved is None:
        resolved = _RESOLVED[policy] = {}
    key = (use_case.name, asked)
    found = resolved.get(key)
    if found is None:
        found = _resolve(policy, use_case, asked)
        if len(resolved) >= MAX_RESOLVED_NAMES:
            del resolved[next(iter(resolved))]
        resolved[key] = found
    return found


def listed(policy: Policy) -> tuple[Listed, ...]:
    """The models that can be asked for by their own names, in the configuration's order; patterns are not names."""
    return tuple(
        Listed(model.name, model.tier, "available") for model in policy.models.values() if "*" not in model.name
    )


def find(policy: Policy, asked: str) -> Listed:
    """The model that serves the name `asked`, under that name: the one so called, else the pattern that it matches.

    Raises:
        Refusal: `model_not_found`.
    """
    match = None if asked == "auto" or asked in policy.use_cases else _match(policy, asked)
    if match is None or not _of_model(policy, asked):
        raise _not_found(policy, asked)
    return Listed(asked, policy.models[match].tier, "available")


def fallback_chain(policy: Policy, use_case: UseCase) -> tuple[str, ...]:
    """The models that a call without a model tries, in order."""
    return use_case.chain.models


def best_match(names: Collection[str], asked: str) -> str | None:
    """Which of `names` serves `asked`: the exact one, else the longest pattern that matches, else None."""
    if asked in names and "*" not in asked:
        return asked
    return max((name for name in names if "*" in name and _matches(name, asked)), key=len, default=None)


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")), re.DOTALL)


def _matches(pattern: str, asked: str) -> bool:
    return _expression(pattern).fullmatch(asked) is not None


def _resolve(policy: Policy, use_case: UseCase, asked: str) -> tuple[Candidate, ...]:
    by_chain = not asked or asked == "auto" or (asked in policy.use_cases and asked not in policy.models)
    names = use_case.chain.models if by_chain else (asked, *use_case.chain.models)
    found = tuple(candidate for name in dict.fromkeys(names) for candidate in _of_model(policy, name))
    if not by_chain and not any(candidate.model == asked for candidate in found):
        raise _not_found(policy, asked)
    if not found:
        raise Refusal(
            "model_not_found",
            f"The use case '{use_case.name}' has no chain of its own, so a request must name a model; "
            f"GET /v1/models lists them.",
            param="model",
        )
    return found


def _of_model(policy: Policy, name: str) -> list[Candidate]:
    match = _match(policy, name)
    if match is None:
        return []
    model = policy.models[match]
    priced = (_priced(policy, deployment, name) for deployment in model.deployments)
    return [Candidate(name, deployment, model.spread) for deployment in priced if deployment is not None]


def _match(policy: Policy, name: str) -> str | None:
    return best_match(policy.models, name) if len(name) <= MAX_NAME_CHARS else None


def _priced(policy: Policy, deployment: Deployment, name: str) -> Deployment | None:
    """`deployment` with its id resolved for `name`; None where nothing says what it costs."""
    if deployment.model_id != "*":
        return deployment
    provider = policy.providers[deployment.provider]
    price = deployment.price or known_model(provider.kind, provider.base_url, name).price or policy.default_price
    if price is None:
        return None
    return msgspec.structs.replace(deployment, name=f"{deployment.provider}/{name}", model_id=name, price=price)


def _not_found(policy: Policy, asked: str) -> Refusal:
    shown = asked if len(asked) <= MAX_NAME_CHARS else f"{asked[:MAX_NAME_CHARS]}..."
    match = _match(policy, asked)
    if match is not None:
        sentence = (
            f"The model '{shown}' matches '{match}' but has no price, so its cost cannot be bounded; "
            f"add a price to a deployment of '{match}', or prices.default, in headgate.yaml."
        )
        return Refusal("model_not_found", sentence, param="model")
    names = [entry.id for entry in listed(policy)]
    close = get_close_matches(shown, names, n=1)
    meant = f"; did you mean '{close[0]}'?" if close else "."
    sentence = f"There is no model '{shown}'{meant} GET /v1/models lists the models."
    return Refusal("model_not_found", sentence, param="model")
