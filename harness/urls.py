"""What a base URL may be, and how much of one may be shown. Knows no provider."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from harness.errors import ConfigError


def is_loopback(url: str) -> bool:
    """Whether `url` leads to this machine by its literal host: `localhost` or a loopback address."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked_base_url(url: str) -> str:
    """`url` without a trailing slash.

    Raises:
        ConfigError: no host, an unreadable port, something that may be a secret, or plain http to another machine.
    """
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0 and parts.scheme in {"http", "https"}
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(
            f"base_url {without_credentials(url)!r} names no server. "
            "Write a whole URL such as https://api.example.com/v1."
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigError(
            f"base_url {without_credentials(url)!r} carries a user, a password, a query or a fragment. Leave only "
            "scheme, host, port and path; a key belongs into api_key."
        )
    if parts.scheme != "https" and not is_loopback(url):
        raise ConfigError(
            f"base_url {without_credentials(url)!r} is not https: the key and the prompts would cross the network in "
            "the clear. Use an https URL; plain http is for 127.0.0.1, ::1 and localhost."
        )
    return url.rstrip("/")


def without_credentials(url: str) -> str:
    """`url` without user, password and query, any of which may be a secret."""
    scheme, slashes, rest = url.partition("//") if "//" in url else ("", "", url)
    authority, slash, path = rest.partition("/")
    bare = authority.rpartition("@")[2] + slash + path
    return scheme + slashes + bare.partition("?")[0].partition("#")[0]
