"""What distinguishes one kind of provider from another."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from headgate.domain.call import WireFormat
from headgate.domain.policy import Provider
from headgate.pool.providers.body_edits import BodyEdits
from headgate.wire.codec import Codec

Headers = tuple[tuple[str, str], ...]
Sign = Callable[[str, bytes], Awaitable[Headers]]
"""Gives the headers that sign a request to a URL with a body; raises `Refusal` where there is nothing to sign with."""


def bearer(secret: str) -> Headers:
    """`Authorization: Bearer`; nothing for a provider without a credential."""
    return (("authorization", f"Bearer {secret}"),) if secret else ()


def in_header(name: str) -> Callable[[str], Headers]:
    """The credential as it is, in a header of this lower-case name."""

    def carry(secret: str) -> Headers:
        return ((name, secret),) if secret else ()

    return carry


def under_base_url(provider: Provider, path: str) -> str:
    """Paths stand under the base URL."""
    return provider.base_url + path


class ProviderKind(msgspec.Struct, frozen=True):
    """A kind of provider: the wire formats it speaks and where, and how it wants to be asked.

    Everything here is looked at once for each model of a provider (`pool.reach`), but for `sign` and `edits`.
    """

    name: str
    paths: Mapping[WireFormat, str]
    """The path for each wire format it speaks, the preferred first; `{id}` stands for the model's id."""
    credential: Callable[[str], Headers]
    """The headers that carry a credential."""
    title: str = ""
    """What people call it."""
    base_url: str = ""
    """Where it is, with `{region}` where that belongs; empty where only the configuration knows."""
    needs_key: bool = False
    """Whether it answers nobody without a credential."""
    key_variable: str = ""
    """The environment variable in which its key usually stands."""
    own_settings: tuple[str, ...] = ()
    """Keys of the configuration that few kinds know: `region`, `api_version`, `token`, `access_key`."""
    streamed_paths: Mapping[WireFormat, str] = {}
    """The path of a streamed answer, where it differs."""
    place: Callable[[Provider, str], str] = under_base_url
    """The URL of a path; `{id}` in it is filled in afterwards."""
    takes: Callable[[WireFormat, str], bool] | None = None
    """Whether a model, by its id, is asked in a wire format; None: every model in every one."""
    codecs: Mapping[WireFormat, Codec] = {}
    """Where its way of speaking a wire format differs from its inventor's."""
    error_wire: WireFormat | None = None
    """The wire format of its errors, where it is not the answer's."""
    sign: Callable[[Provider, str], Sign | None] | None = None
    """What signs whole requests with a credential; None where that credential travels in a header."""
    output_limit_field: str = "max_tokens"
    """What OpenAI's chat format calls the output limit here."""
    usage_unasked: bool = False
    """Whether streams report usage unasked, so that `stream_options` are not sent."""
    fixed_headers: Mapping[WireFormat, Headers] = {}
    """Headers sent with a wire format unless the caller's own request has them."""
    forwards_headers: bool = True
    """Whether it is sent the headers of a caller of the same wire format."""
    edits: Mapping[WireFormat, BodyEdits] = {}
    """What is called otherwise or refused here."""
    useful_headers: tuple[str, ...] = ()
    """Headers that a configuration may want to send, for the documents."""
