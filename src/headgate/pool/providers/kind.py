"""What distinguishes one kind of provider from another."""

from collections.abc import Callable, Mapping

import msgspec

from headgate.domain.call import WireFormat

Headers = tuple[tuple[str, str], ...]


class ProviderKind(msgspec.Struct, frozen=True):
    """A kind of provider: the wire formats it speaks and where, and how it wants to be asked."""

    name: str
    paths: Mapping[WireFormat, str]
    """The path under the base URL for each wire format it speaks, the preferred first."""
    credential: Callable[[str], Headers]
    """The headers that carry a credential."""
    output_limit_field: str = "max_tokens"
    """What OpenAI's chat format calls the output limit here."""
    fixed_headers: Mapping[WireFormat, Headers] = {}
    """Headers sent with a wire format unless the caller's own request has them."""


def bearer(secret: str) -> Headers:
    """`Authorization: Bearer`; nothing for a provider without a credential."""
    return (("authorization", f"Bearer {secret}"),) if secret else ()
