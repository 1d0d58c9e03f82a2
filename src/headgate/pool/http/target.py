"""Where a request goes: a URL taken apart once, and the proxy that the environment names for it."""

import base64
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from headgate.pool.transport import ConnectFailed

DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Proxy(NamedTuple):
    """An HTTP proxy."""

    host: str
    port: int
    authorization: str
    """The value of `proxy-authorization`; empty for none."""


class Target(NamedTuple):
    """One URL: whom to connect to, and what the request line and `host` say."""

    host: str
    port: int
    tls: bool
    proxy: Proxy | None
    request_target: str
    authority: str

    @property
    def origin(self) -> tuple[str, int, bool]:
        """What connections are shared by."""
        return self.host, self.port, self.tls


@lru_cache(maxsize=4096)
def target(url: str) -> Target:
    """`url` taken apart; the proxy is `http_proxy`, `https_proxy` or `all_proxy`, unless `no_proxy` names the host.

    Raises:
        ConnectFailed: it is no URL that can be called.
    """
    try:
        parts = urlsplit(url)
        port, host = parts.port or DEFAULT_PORTS[parts.scheme], parts.hostname
    except (KeyError, ValueError):
        host = None
    if not host or not url.isascii() or not url.isprintable() or " " in url:
        raise ConnectFailed(f"'{url[:256]}' is no http or https URL")
    proxy = _proxy(parts.scheme, host)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    authority = parts.netloc.rpartition("@")[2]
    tls = parts.scheme == "https"
    absolute = proxy is not None and not tls
    return Target(host, port, tls, proxy, f"http://{authority}{path}" if absolute else path, authority)


def _proxy(scheme: str, host: str) -> Proxy | None:
    proxies = getproxies_environment()
    url = proxies.get(scheme) or proxies.get("all")
    if not url or proxy_bypass(host):
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme != "http" or not parts.hostname:
        raise ConnectFailed(f"the proxy for {host} must be an http:// URL, not {parts.scheme}://")
    authorization = ""
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode()
    return Proxy(parts.hostname, parts.port or 80, authorization)
