"""Signs requests as AWS asks (AWS Signature Version 4), by botocore: the extra `headgate[bedrock]`."""

import asyncio
from importlib.util import find_spec
from typing import Any, Final
from urllib.parse import urlsplit

from headgate.domain.policy import Provider
from headgate.domain.refusal import Refusal
from headgate.pool.providers.kind import Headers, Sign

EXTRA: Final = "bedrock"
"""The extra of this package that brings botocore."""
_SERVICE: Final = "bedrock"
_ADDED: Final = ("X-Amz-Date", "X-Amz-Security-Token", "Authorization")
_SEPARATOR: Final = "\n"
"""Between the parts of an access key; no secret holds one."""


def access_key(key_id: str, secret: str, token: str = "") -> str:
    """An access key, with its session's token where it has one, as one credential."""
    return _SEPARATOR.join((key_id, secret, token))


def is_signed_with(credential: str) -> bool:
    """Whether requests are signed with `credential`: an access key, or nothing, which is botocore's own search."""
    return not credential or _SEPARATOR in credential


def is_installed() -> bool:
    """Whether botocore is there."""
    return find_spec("botocore") is not None


def signing(provider: Provider, credential: str) -> Sign | None:
    """What signs requests to `provider`; None for a credential that goes as it is."""
    return _Signer(provider.region, credential).headers if is_signed_with(credential) else None


class _Signer:
    """Signs with one access key, or with what botocore finds: environment, profile, container or instance role."""

    def __init__(self, region: str, credential: str) -> None:
        self._region = region
        self._credential = credential
        self._found: Any = None
        self._one_at_a_time = asyncio.Lock()

    async def headers(self, url: str, body: bytes) -> Headers:
        """The headers that sign a POST of `body` to `url` now; host and content type are signed with it.

        Raises:
            Refusal: `provider_error`, there is no credential.
        """
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        credentials = await self._credentials()
        fields = {"Host": urlsplit(url).netloc, "Content-Type": "application/json"}
        request = AWSRequest("POST", url, fields, body)
        SigV4Auth(credentials, _SERVICE, self._region).add_auth(request)
        return tuple((name.lower(), request.headers[name]) for name in _ADDED if name in request.headers)

    async def _credentials(self) -> Any:
        """The credentials, as they hold now; off the event loop where botocore may have to ask somebody."""
        from botocore.credentials import ReadOnlyCredentials
        from botocore.exceptions import BotoCoreError

        if self._credential:
            key_id, secret, token = self._credential.split(_SEPARATOR)
            return ReadOnlyCredentials(key_id, secret, token or None)
        try:
            async with self._one_at_a_time:
                if self._found is None:
                    self._found = await asyncio.to_thread(_search)
                if self._found is not None and getattr(self._found, "refresh_needed", bool)():
                    return await asyncio.to_thread(self._found.get_frozen_credentials)
        except BotoCoreError as error:
            raise _nothing(str(error)) from error
        if self._found is None:
            raise _nothing("botocore finds none")
        return self._found.get_frozen_credentials()


def _search() -> Any:
    """What botocore finds, or None; it may ask a metadata service."""
    from botocore.session import get_session

    return get_session().get_credentials()


def _nothing(why: str) -> Refusal:
    return Refusal("provider_error", f"There are no AWS credentials to sign with: {why}; tell your platform team.")
