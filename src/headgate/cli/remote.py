"""A running platform, asked over its HTTP interface; whatever goes wrong ends the command with a sentence."""

import os
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from ipaddress import ip_address
from typing import Any, Final, NoReturn, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from headgate.cli.show import FAILED, WRONG_USE, say, stop

T = TypeVar("T")

URL: Final = "HEADGATE_URL"
KEY: Final = "HEADGATE_ADMIN_KEY"
DEFAULT_URL: Final = "http://127.0.0.1:4100"
TIMEOUT_S: Final = 30.0
MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
PAGE_ROWS: Final = 1000
"""The most rows that the administration gives at once."""
WHERE: Final = f"Asks the platform at {URL} ({DEFAULT_URL} where it is not set), with the key in {KEY}."
"""The last lines of the help of every command that asks a platform."""


class Remote:
    """A running platform and the key that it is asked with.

    Args:
        url: where it is, such as `http://127.0.0.1:4100`.
        key: the virtual key; sent to `url` alone, for redirections are not followed.
    """

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self._key = key
        host = urlsplit(url).hostname or ""
        proxies = [urllib.request.ProxyHandler({})] if _is_loopback(host) else []
        self._opener = urllib.request.build_opener(_Redirections, *proxies)

    def get(self, path: str) -> Any:
        """What the platform answers at `path`."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """What the platform answers to `body`, of which what is None is left out."""
        return self._ask("POST", path, {name: value for name, value in body.items() if value is not None})

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """What the platform answers when what stands at `path` is changed."""
        return self._ask("PATCH", path, body)

    def delete(self, path: str) -> Any:
        """What the platform answers when `path` is taken away."""
        return self._ask("DELETE", path, None)

    def listed(self, path: str, most: int, **query: str | None) -> list[Any]:
        """The first `most` rows of a list; where there are more, a word on stderr says so."""
        rows: list[Any] = []
        asked = {name: value for name, value in query.items() if value is not None}
        while True:
            asked["limit"] = str(min(PAGE_ROWS, most - len(rows)))
            page = shaped(self.get(f"{path}?{urlencode(asked)}"), _Page)
            rows += page.data
            if page.next is None:
                return rows
            if len(rows) >= most:
                say(f"Only the first {most:,} are shown; a higher --limit shows more.")
                return rows
            asked["cursor"] = page.next

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        request = urllib.request.Request(  # noqa: S310 (its scheme was checked)
            self.url + path,
            data=None if body is None else msgspec.json.encode(body),
            method=method,
            headers={
                "authorization": f"Bearer {self._key}",
                "content-type": "application/json",
                "user-agent": "headgate",
            },
        )
        try:
            try:
                with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                    status, raw = answer.status, answer.read(MAX_ANSWER_BYTES)
            except HTTPError as error:
                with error:
                    status, raw = error.code, error.read(MAX_ANSWER_BYTES)
        except (OSError, HTTPException) as error:
            stop(FAILED, self._away(error))
        try:
            value = msgspec.json.decode(raw, type=Any if 200 <= status < 300 else _Refusal)
        except ValueError:
            stop(WRONG_USE, f"What answers at {self.url} with status {status} is not Headgate; correct {URL}.")
        if isinstance(value, _Refusal):
            self._refused(status, value)
        return value

    def _away(self, error: Exception) -> str:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, TimeoutError):
            return f"The platform at {self.url} did not answer within {TIMEOUT_S:.0f} s; see its /health, or try again."
        why = (reason.strerror if isinstance(reason, OSError) else None) or str(reason) or type(reason).__name__
        return (
            f"No platform answers at {self.url} ({why}). "
            f"Start one with `headgate serve`, or set {URL} to where it runs."
        )

    def _refused(self, status: int, refusal: "_Refusal") -> NoReturn:
        sentence = refusal.error.message
        if status == 401:
            stop(WRONG_USE, f"The platform at {self.url} does not take the key in {KEY}. {sentence}")
        if status == 422:
            fields = refusal.headgate.fields
            stop(WRONG_USE, "\n".join(f"{_option(each.param)}: {each.message}" for each in fields) or sentence)
        if status >= 500:
            sentence = f"{sentence} (request {refusal.headgate.request_id})"
        stop(FAILED, sentence)


def connect() -> Remote:
    """The platform that the environment names; ends the command where it names none."""
    url = (os.environ.get(URL) or DEFAULT_URL).rstrip("/")
    if not is_address(url):
        stop(WRONG_USE, f"{URL} is not the address of a platform; write it as {DEFAULT_URL}, or unset it.")
    key = os.environ.get(KEY, "")
    if not key:
        stop(
            WRONG_USE,
            f"Set {KEY} to a platform-admin's or team-admin's key; the first start of `headgate serve` "
            f"on a terminal shows one.",
        )
    if not (key.isascii() and key.isprintable()):
        stop(WRONG_USE, f"{KEY} holds characters that no key can have; copy it anew.")
    return Remote(url, key)


def is_address(url: str) -> bool:
    """Whether `url` is where a platform could be."""
    try:
        parts = urlsplit(url)
        port_is_right = parts.port != 0
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url and not (parts.query or parts.fragment)
    named = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    return port_is_right and plain and named


def segment(text: str) -> str:
    """`text` as one segment of a path."""
    return quote(text, safe="")


def shaped(value: object, shape: type[T]) -> T:
    """`value` as a `shape`; ends the command where it is none."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        stop(FAILED, f"The platform answers as another version of Headgate would ({error}); use that version's CLI.")


class _Page(msgspec.Struct):
    data: list[Any]
    next: str | None


class _Message(msgspec.Struct):
    message: str


class _Field(msgspec.Struct):
    param: str
    message: str


class _Details(msgspec.Struct):
    request_id: str = ""
    fields: list[_Field] = []


class _Refusal(msgspec.Struct):
    error: _Message
    headgate: _Details


class _Redirections(urllib.request.HTTPRedirectHandler):
    """Follows none: the key is for the address that was named."""

    def redirect_request(self, *_: object) -> None:
        return None


def _is_loopback(host: str) -> bool:
    """Whether `host` is this machine, which no proxy stands before."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _option(param: str) -> str:
    """The option that sets the field `param`, such as `--requests` for `limits.requests`."""
    name = [part for part in param.split(".") if not part.isdecimal()][-1]
    return {"id": "TEAM", "use_cases": "--use-case"}.get(name, "--" + name.replace("_", "-"))
