"""The part of the configuration that says where models live, and by which credentials."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Self

import msgspec
from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from headgate.bootstrap.config.values import BaseUrl, Duration, Identifier, Secret, Section, one_of
from headgate.pool.providers import KINDS
from headgate.pool.providers.aws_signature import EXTRA, access_key, is_installed
from headgate.pool.providers.azure_openai import PREVIEW, V1
from headgate.storage.secrets import Reference, SecretUnavailable, reference

MAX_HEADERS: Final = 16
_CREDENTIALS: Final = ("key", "token", "access_key")
_OUR_HEADERS: Final = frozenset(
    {
        "accept",
        "connection",
        "content-length",
        "content-type",
        "expect",
        "host",
        "transfer-encoding",
        "user-agent",
        "x-headgate-attempt",
    }
)
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}\Z")
_HOLDS_SECRET: Final = re.compile(r"(?i)(authorization|cookie|token|secret|auth\Z|key\Z)")
_REFERENCE_IN: Final = re.compile(r"((?:[A-Za-z]+ )?)(\$\{.*\})\Z")
_API_VERSION: Final = rf"^({V1}|{PREVIEW}|\d{{4}}-\d{{2}}-\d{{2}}(-preview)?)$"


class Credentials(msgspec.Struct, frozen=True):
    """What is secret about one provider."""

    secret: str = ""
    next_secret: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return "Credentials()"


class HeaderValue(msgspec.Struct, frozen=True):
    """A header's value: a text, or a scheme and a reference."""

    text: str
    reference: Reference | None = None

    def resolve(self, environment: Mapping[str, str]) -> str:
        """The value itself.

        Raises:
            SecretUnavailable: the reference leads nowhere.
        """
        return self.text + self.reference.resolve(environment) if self.reference else self.text


def referred(text: str) -> Reference | None:
    """The reference that `text` is, or ends with after a scheme; None where it holds none.

    Raises:
        SecretUnavailable: it is no reference that can be read.
    """
    match = _REFERENCE_IN.match(text)
    return reference(match[2]) if match else None


def secret_places(provider: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], object]]:
    """Where a provider's section may refer to secrets, and what stands there."""
    for name in ("key", "next_key", "token"):
        yield (name,), provider.get(name)
    for name in ("access_key", "next_access_key", "headers"):
        section = provider.get(name)
        if isinstance(section, dict):
            yield from (((name, key), value) for key, value in section.items())


def _header_value(value: object) -> HeaderValue:
    if not isinstance(value, str) or not value.strip() or not value.isascii() or not value.isprintable():
        raise ValueError("a header's value is ASCII text on one line, such as my-app or ${env:NAME}")
    match = _REFERENCE_IN.match(value)
    if match is None:
        return HeaderValue(value)
    try:
        return HeaderValue(match[1], reference(match[2]))
    except SecretUnavailable as error:
        raise ValueError(str(error)) from None


def _header_name(value: object) -> object:
    if not isinstance(value, str) or not _HEADER_NAME.match(value):
        raise ValueError("a header's name has letters, digits and '-'")
    if value.lower() in _OUR_HEADERS:
        raise ValueError(f"'{value}' is a header that Headgate sets itself")
    return value


def _api_version(value: object) -> str:
    if not isinstance(value, str) or not re.match(_API_VERSION, value):
        raise ValueError(f"an API version is {V1}, {PREVIEW}, or a date such as 2024-10-21")
    return value


def _region(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", value):
        raise ValueError("a region is AWS' own name for one, such as eu-central-1")
    return value


ApiVersion = Annotated[str, PlainValidator(_api_version), WithJsonSchema({"type": "string", "pattern": _API_VERSION})]
AwsRegion = Annotated[str, PlainValidator(_region), WithJsonSchema({"type": "string", "examples": ["eu-central-1"]})]
HeaderName = Annotated[str, PlainValidator(_header_name), WithJsonSchema({"type": "string"})]
HeaderText = Annotated[HeaderValue, PlainValidator(_header_value), WithJsonSchema({"type": "string"})]


class BreakerSection(Section):
    """When calls to a failing provider stop, and for how long."""

    failures: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=5, description="Consecutive failures that open the breaker."
    )
    open: Duration = Field(
        default="30s",
        validate_default=True,
        description="How long the breaker stays open before one probe, such as 30s.",
    )


class AccessKeySection(Section):
    """An access key of AWS, by references."""

    id: Secret = Field(description="The access key id.")
    secret: Secret = Field(description="The secret access key.")
    token: Secret | None = Field(default=None, description="The session token of temporary credentials.")

    def resolve(self, environment: Mapping[str, str]) -> str:
        """The access key as one credential."""
        token = self.token.resolve(environment) if self.token else ""
        return access_key(self.id.resolve(environment), self.secret.resolve(environment), token)


class ProviderSection(Section):
    """Where deployments live."""

    kind: Annotated[str, *one_of(tuple(KINDS))] = Field(description="How the provider is spoken to.")
    key: Secret | None = Field(default=None, description="The credential, by reference: ${env:NAME} or ${file:/path}.")
    next_key: Secret | None = Field(
        default=None, description="Another credential, used once the provider rejects the one in use."
    )
    token: Secret | None = Field(default=None, description="Instead of a key, a Microsoft Entra token, by reference.")
    access_key: AccessKeySection | None = Field(default=None, description="The access key that signs requests to AWS.")
    next_access_key: AccessKeySection | None = Field(
        default=None, description="Another access key, used once AWS rejects the one in use."
    )
    base_url: BaseUrl | None = Field(default=None, description="The address in front of the API's paths.")
    region: AwsRegion | None = Field(default=None, description="The AWS region, such as eu-central-1.")
    api_version: ApiVersion | None = Field(
        default=None, description=f"Azure's API version: {V1} (left out), {PREVIEW}, or a date such as 2024-10-21."
    )
    headers: dict[HeaderName, HeaderText] = Field(
        default={}, max_length=MAX_HEADERS, description="Headers for every request; secrets in them by reference."
    )
    breaker: BreakerSection = Field(
        default_factory=BreakerSection, description="When calls to the provider are stopped."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        kind = KINDS[self.kind]
        for name in ("token", "access_key", "region", "api_version"):
            if getattr(self, name) is not None and name not in kind.own_settings:
                raise ValueError(f"a provider of kind {self.kind} takes no '{name}'")
        self._check_credentials()
        if not kind.base_url and self.base_url is None and self.kind != "demo":
            example = "https://NAME.openai.azure.com" if "api_version" in kind.own_settings else "http://host:8000/v1"
            raise ValueError(f"a provider of kind {self.kind} needs a base_url, such as {example}")
        if "region" in kind.own_settings and self.region is None:
            raise ValueError(f"a provider of kind {self.kind} needs a region, such as region: eu-central-1")
        self._check_headers()
        return self

    def _check_credentials(self) -> None:
        kind, given = KINDS[self.kind], [name for name in _CREDENTIALS if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"'{given[0]}' and '{given[1]}' are two ways to say one credential; keep one")
        for name in ("key", "access_key"):
            if getattr(self, f"next_{name}") is not None and getattr(self, name) is None:
                raise ValueError(f"'next_{name}' comes after a '{name}'; write that one first")
        if kind.needs_key and not given:
            raise ValueError(f"a provider of kind {self.kind} needs a key, such as key: ${{env:{kind.key_variable}}}")
        if kind.sign is not None and self.key is None and not is_installed():
            raise ValueError(
                f"a provider of kind {self.kind} without a key signs its requests by botocore, which is not here: "
                f"pip install 'headgate[{EXTRA}]', or give a Bedrock API key as key"
            )

    def _check_headers(self) -> None:
        carried = {name for name, _ in KINDS[self.kind].credential("x")}
        if self.token is not None:
            carried = {"authorization"}
        names = [name.lower() for name in self.headers]
        for name, value in self.headers.items():
            if names.count(name.lower()) > 1:
                raise ValueError(f"the header '{name}' stands twice")
            if name.lower() in carried:
                raise ValueError(f"the header '{name}' carries the key; write it as key: ${{env:NAME}}")
            if value.reference is None and _HOLDS_SECRET.search(name):
                raise ValueError(
                    f"the header '{name}' holds a secret; write it as ${{env:NAME}} or Bearer ${{env:NAME}}"
                )

    def resolve(self, environment: Mapping[str, str]) -> Credentials:
        """The secrets themselves.

        Raises:
            SecretUnavailable: one of them cannot be had.
        """
        first = self.key or self.token or self.access_key
        other = self.next_key or self.next_access_key
        return Credentials(
            first.resolve(environment) if first else "",
            other.resolve(environment) if other else "",
            tuple((name.lower(), value.resolve(environment)) for name, value in self.headers.items()),
        )


Providers = dict[Identifier, ProviderSection]
