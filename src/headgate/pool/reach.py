"""What the pool keeps of a provider between calls: its breaker, the credential in use, how its models are asked."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import msgspec

from headgate.domain.call import WireFormat
from headgate.domain.policy import Deployment, Provider
from headgate.kit.clock import Clock
from headgate.pool.breaker import Breaker
from headgate.pool.providers import KINDS
from headgate.pool.providers.body_edits import BodyEdits
from headgate.pool.providers.kind import Headers, ProviderKind, Sign, bearer
from headgate.wire.anthropic_messages import ANTHROPIC_MESSAGES
from headgate.wire.bedrock_converse import BEDROCK_CONVERSE
from headgate.wire.codec import Codec, ProviderCodec
from headgate.wire.gemini import GEMINI
from headgate.wire.openai_chat import OPENAI_CHAT
from headgate.wire.openai_embeddings import OPENAI_EMBEDDINGS
from headgate.wire.openai_responses import OPENAI_RESPONSES

CALLERS: Final[Mapping[WireFormat, Codec]] = {
    codec.wire: codec for codec in (OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC_MESSAGES, OPENAI_EMBEDDINGS)
}
"""The wire formats that callers and providers share, on which a request's own bytes go out."""
CODECS: Final[Mapping[WireFormat, ProviderCodec]] = {
    **CALLERS,
    GEMINI.wire: GEMINI,
    BEDROCK_CONVERSE.wire: BEDROCK_CONVERSE,
}
MAX_WAYS: Final = 1024
"""Ways remembered of one provider; callers make up model names where a pattern takes any."""


class Way(msgspec.Struct, frozen=True):
    """How one model is asked: everything about a request that does not depend on the call."""

    wire: WireFormat
    codec: ProviderCodec
    callers_codec: Codec | None
    """Where the caller speaks `wire`: its own bytes go out."""
    error_wire: WireFormat
    url: str
    headers: Headers
    """Sent whatever the call says; the credential is among them."""
    forwards_headers: bool
    fixed_headers: Headers
    """Sent unless the caller's own request has them."""
    output_limit_field: str
    asks_usage: bool
    edits: BodyEdits | None
    sign: Sign | None
    credential: int
    """Which of the provider's credentials it goes with."""

    def __repr__(self) -> str:
        return f"Way(wire={self.wire!r}, url={self.url!r})"


class Reach:
    """One provider, as long as its configuration stays as it is."""

    def __init__(self, provider: Provider, clock: Clock) -> None:
        self.provider = provider
        self.kind: ProviderKind = KINDS[provider.kind]
        self._clock = clock
        self._breakers: dict[tuple[str, int, int], Breaker] = {}
        self.breaker = Breaker(clock, provider.breaker_failures, provider.breaker_open_ms)
        self._secrets = (provider.secret, provider.next_secret) if provider.next_secret else (provider.secret,)
        self._signs = tuple(self.kind.sign(provider, secret) if self.kind.sign else None for secret in self._secrets)
        self._credential = 0
        self._ways: dict[tuple[str, WireFormat, bool], Way] = {}

    def breaker_of(self, deployment: Deployment) -> Breaker:
        """The breaker of `deployment`: its own where it is configured, else the one that all others share."""
        if not deployment.breaker_failures:
            return self.breaker
        terms = (deployment.name, deployment.breaker_failures, deployment.breaker_open_ms)
        breaker = self._breakers.get(terms)
        if breaker is None:
            if len(self._breakers) >= MAX_WAYS:
                del self._breakers[next(iter(self._breakers))]
            breaker = self._breakers[terms] = Breaker(self._clock, *terms[1:])
        return breaker

    def way(self, model_id: str, asked: WireFormat, *, stream: bool) -> Way:
        """How `model_id` is asked for a caller who speaks `asked`, with the credential in use."""
        key = (model_id, asked, stream)
        way = self._ways.get(key)
        if way is None:
            if len(self._ways) >= MAX_WAYS:
                del self._ways[next(iter(self._ways))]
            way = self._ways[key] = self._made(model_id, asked, stream=stream)
        return way

    def rejected(self, way: Way) -> bool:
        """The provider rejected the credential of `way`: the other one is used from now on. Whether there is one."""
        if len(self._secrets) == 1:
            return False
        if way.credential == self._credential:
            self._credential = 1 - way.credential
            self._ways.clear()
        return True

    def _made(self, model_id: str, asked: WireFormat, *, stream: bool) -> Way:
        kind, provider, number = self.kind, self.provider, self._credential
        wire = asked
        if asked not in kind.paths or (kind.takes is not None and not kind.takes(asked, model_id)):
            wire = next(iter(kind.paths))
        path = (stream and kind.streamed_paths.get(wire)) or kind.paths[wire]
        own = kind.codecs.get(wire)
        secret = self._secrets[number]
        credential = bearer(secret) if provider.bearer else kind.credential(secret)
        return Way(
            wire=wire,
            codec=own or CODECS[wire],
            callers_codec=(own or CALLERS.get(wire)) if wire is asked else None,
            error_wire=kind.error_wire or wire,
            url=kind.place(provider, path).replace("{id}", quote(model_id, safe="")),
            headers=(("content-type", "application/json"), *credential, *provider.headers),
            forwards_headers=kind.forwards_headers and wire is asked,
            fixed_headers=kind.fixed_headers.get(wire, ()),
            output_limit_field=kind.output_limit_field,
            asks_usage=not kind.usage_unasked,
            edits=kind.edits.get(wire),
            sign=self._signs[number],
            credential=number,
        )
