"""Which pages of other origins may call `/v1` from a browser (WHATWG Fetch, CORS protocol); never with credentials."""

from collections.abc import Mapping
from typing import Final

from headgate.api.exchange import Header

MAX_AGE_S: Final = 600
_EXPOSED: Final = (b"access-control-expose-headers", b"*")
_ANY: Final = ((b"access-control-allow-origin", b"*"), _EXPOSED)


def response_headers(path: str, headers: Mapping[str, str], origins: tuple[str, ...]) -> tuple[Header, ...]:
    """What a response says about who may read it; nothing where no page of another origin asks."""
    origin = headers.get("origin")
    if origin is None or not path.startswith("/v1/"):
        return ()
    if "*" in origins:
        return _ANY
    vary = (b"vary", b"origin")
    if origin in origins:
        return ((b"access-control-allow-origin", origin.encode("latin-1")), _EXPOSED, vary)
    return (vary,)


def preflight_headers(headers: Mapping[str, str], methods: list[str]) -> list[Header]:
    """What the answer to a preflight request says beside `response_headers`."""
    asked = headers.get("access-control-request-headers", "")
    return [
        (b"access-control-allow-methods", ", ".join(sorted(methods)).encode()),
        (b"access-control-allow-headers", asked.encode("latin-1") or b"*"),
        (b"access-control-max-age", b"%d" % MAX_AGE_S),
    ]
