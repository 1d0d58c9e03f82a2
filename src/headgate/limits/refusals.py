"""What a caller is told who is over a rate or a budget: what happened, when it passes, and whom to ask."""

from datetime import UTC, datetime
from typing import Final

from headgate.domain.money import decimal_usd
from headgate.domain.principal import Allowance
from headgate.domain.rates import RateWindow
from headgate.domain.refusal import Refusal
from headgate.limits.accounts import Account
from headgate.limits.leases import Short
from headgate.storage.counters.rates import CONCURRENCY, REQUESTS, TOKENS, Full

AWAY_RETRY_S: Final = 5.0
_WHAT: Final = {
    REQUESTS: "{limit} requests a minute and has made {used}",
    TOKENS: "{limit} tokens a minute and has used about {used}",
    CONCURRENCY: "{limit} calls at once and has {used} under way",
}


def over_rate(full: Full, allowance: Allowance, now_ms: int) -> Refusal:
    """The refusal of a call that a rate of `allowance` keeps waiting."""
    retry_s = full.retry_ns / 1e9
    reset_ms = -(-full.reset_ns // 1_000_000)
    what = _WHAT[full.kind].format(limit=full.limit, used=full.used)
    again = f"try again in {retry_s:.3g} s" if full.limit else "it lets no call through"
    return Refusal(
        "rate_limited",
        f"The {allowance.kind} '{allowance.name}' may have {what}; "
        f"{again}, {_ask(allowance.owner)} for a higher limit.",
        retry_after_s=retry_s,
        details={
            "scope": f"{allowance.kind}:{allowance.name}",
            "limit": full.limit,
            "used": full.used,
            "resets_at": rfc3339(now_ms + reset_ms),
            "owner": allowance.owner or None,
            "limited_by": full.kind,
        },
        windows=() if full.kind == CONCURRENCY else (RateWindow(full.kind, full.limit, 0, reset_ms),),
    )


def over_budget(short: Short, nano: int, now_ms: int) -> Refusal:
    """The refusal of an attempt that may cost `nano` nano-USD and does not fit a budget."""
    account = short.account
    if short.away:
        return Refusal(
            "estimate_exceeds_budget",
            f"PostgreSQL is away, and what this worker had leased of the {account.budget} budget of {account.name} "
            f"does not cover this call (up to {decimal_usd(nano)} USD); try again in a few seconds.",
            retry_after_s=AWAY_RETRY_S,
            details=_details(account),
        )
    resets_at = rfc3339(account.end_ms)
    if account.used >= account.cap:
        return Refusal(
            "budget_exceeded",
            f"The {account.budget} budget of {account.name} is spent ({decimal_usd(account.used)} USD); "
            f"it starts anew at {resets_at}, {_ask(account.allowance.owner)} to raise it.",
            retry_after_s=max(0, account.end_ms - now_ms) / 1000,
            details=_details(account),
        )
    left = decimal_usd(max(0, account.free + account.room))
    return Refusal(
        "estimate_exceeds_budget",
        f"This call may cost up to {decimal_usd(nano)} USD, but only {left} USD of the {account.budget} budget of "
        f"{account.name} is neither spent nor held for calls under way; lower the output limit (max_tokens), "
        f"shorten the request, {_ask(account.allowance.owner)} to raise the budget, which starts anew at {resets_at}.",
        details=_details(account),
    )


def rfc3339(ms: int) -> str:
    """Unix milliseconds as RFC 3339 in UTC, without a fraction where there is none."""
    at = datetime.fromtimestamp(ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds" if ms % 1000 else "seconds").replace("+00:00", "Z")


def _details(account: Account) -> dict[str, object]:
    return {
        "scope": f"{account.allowance.kind}:{account.allowance.name}",
        "limit": account.budget,
        "used": f"{decimal_usd(account.used)} USD",
        "resets_at": rfc3339(account.end_ms),
        "owner": account.allowance.owner or None,
        "limit_nano_usd": account.cap,
        "used_nano_usd": account.used,
    }


def _ask(owner: str) -> str:
    return f"or ask {owner}" if owner else "or ask its owner"
