"""Where a request goes: a URL taken apart, and the proxy that the environment names for it."""

import base64
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from headgate.pool.transport import ConnectFailed

DEFAULT_PORTS: Final = {"http": 80, "https": 443}


Origin = tuple[str, int, bool]
"""What connections are shared by: host, port, TLS."""


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
    def origin(self) -> Origin:
        """What connections are shared by."""
        return self.host, self.port, self.tls


def target(proxies: Mapping[str, str], url: str) -> Target:
    """`url` taken apart; `proxies` as `urllib.request.getproxies_environment` reads them.

    Raises:
        ConnectFailed: it is no URL that can be called, or its proxy's is none.
    """
    try:
        parts = urlsplit(url)
        port, host = parts.port or DEFAULT_PORTS[parts.scheme], parts.hostname
    except (KeyError, ValueError):
        host = None
    if not host or not url.isascii() or not url.isprintable() or " " in url:
        raise ConnectFailed(f"'{url[:256]}' is no http or https URL")
    if "@" in parts.netloc:
        raise ConnectFailed(f"the URL of {host} holds a user name; a credential belongs into the provider's key")
    proxy = _proxy(proxies, parts.scheme, host, port)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    tls = parts.scheme == "https"
    absolute = proxy is not None and not tls
    return Target(host, port, tls, proxy, f"http://{parts.netloc}{path}" if absolute else path, parts.netloc)


def _proxy(proxies: Mapping[str, str], scheme: str, host: str, port: int) -> Proxy | None:
    url = proxies.get(scheme) or proxies.get("all")
    if not url or _is_direct(proxies.get("no", ""), host, port):
        return None
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        name, proxy_port = parts.hostname, parts.port or DEFAULT_PORTS["http"]
    except ValueError:
        raise ConnectFailed(f"the proxy for {host} is no URL; write it as http://host:port") from None
    if parts.scheme != "http" or not name:
        raise ConnectFailed(f"the proxy for {host} must be an http:// URL, not {parts.scheme}://")
    authorization = ""
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode()
    return Proxy(name, proxy_port, authorization)


def _is_direct(no_proxy: str, host: str, port: int) -> bool:
    """Whether `no_proxy` names the host: a domain with all below it, an IP network, either with a port, or `*`."""
    for entry in no_proxy.lower().replace(",", " ").split():
        name, colon, only_port = entry.rpartition(":")
        if not colon or not only_port.isdecimal() or (":" in name and not name.endswith("]")):
            name, only_port = entry, ""
        if only_port and int(only_port) != port:
            continue
        name = name.strip("[]")
        domain = name.removeprefix("*").removeprefix(".")
        if name == "*" or (domain and f".{host}".endswith(f".{domain}")) or _is_within(host, name):
            return True
    return False


def _is_within(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False
