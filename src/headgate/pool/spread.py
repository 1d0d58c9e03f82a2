"""Which of a model's deployments is tried first, where the configuration spreads its load over them."""

from collections.abc import Callable, Sequence
from itertools import groupby
from math import inf
from random import Random

from headgate.catalog.bounds import bound
from headgate.domain.call import Request
from headgate.domain.policy import Candidate, Spread
from headgate.pool.standing import Standing


def spread(
    found: Sequence[Candidate], request: Request, standing: Callable[[Candidate], Standing], random: Random
) -> Sequence[Candidate]:
    """`found` in the order in which they are tried: models as the chain has them, deployments as their model says."""
    if all(candidate.spread is Spread.ORDER for candidate in found):
        return found
    ordered: list[Candidate] = []
    for _, group in groupby(found, key=lambda candidate: candidate.model):
        same = list(group)
        if len(same) > 1:
            if same[0].spread is Spread.WEIGHT:
                same = _by_weight(same, random)
            elif same[0].spread is Spread.LATENCY:
                same = _by_latency(same, standing, random)
            elif same[0].spread is Spread.COST:
                same.sort(key=lambda candidate: bound(request, candidate.deployment).nano)
        ordered += same
    return ordered


def _by_weight(same: list[Candidate], random: Random) -> list[Candidate]:
    """A random order in which each comes first as often as its weight says (Efraimidis and Spirakis, 2006)."""
    return sorted(same, key=lambda candidate: -(random.random() ** (1 / candidate.deployment.weight)))


def _by_latency(same: list[Candidate], standing: Callable[[Candidate], Standing], random: Random) -> list[Candidate]:
    """The better of two by chance first (Mitzenmacher, 2001): nobody is sent all calls for having been fast once."""

    def load(candidate: Candidate) -> float:
        known = standing(candidate)
        if (
            not known.latency_ms
        ):  # one that never answered is tried once; if it fails, it waits for its turn in the chain
            return inf if known.calls or known.under_way else 0.0
        return known.latency_ms * (known.under_way + 1)

    one, other = random.sample(range(len(same)), 2)
    first = min(one, other, key=lambda place: (load(same[place]), place))
    return [same[first], *same[:first], *same[first + 1 :]]
