"""Who may talk to a page on loopback: whoever holds the token, from the page itself. Knows nothing of what it serves.

- The token comes in the URL once and is a cookie from then on, HttpOnly and SameSite=Strict.
- A Host other than this machine's is a name that was pointed here (DNS rebinding): refused.
- A POST needs an Origin, and it must be this server's: another page cannot write, whatever cookies a browser sends.
- What is served can load, run and send to nothing but this server, and nothing can frame it or keep it.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SAFE_METHODS = frozenset(("GET", "HEAD"))
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """Stands before an application and lets nobody else in.

    Args:
        token: what the URL must hold.
        port: where the server listens, as the Host header has it.
    """

    def __init__(self, app: ASGIApp, *, token: str, port: int) -> None:
        self._app = app
        self._token = token
        # Cookies belong to a host, not to a port: two servers on one machine must not take each other's.
        self._cookie = f"annotate_{port}"
        names = ("127.0.0.1", "localhost", "[::1]")
        self._hosts = {f"{name}:{port}" for name in names} | (set(names) if port == 80 else set())  # noqa: PLR2004

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or say in a sentence why not."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        in_url = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        problem = self._problem(scope["method"], headers, in_url)
        extra = dict(_HEADERS)
        if problem is None and in_url:
            extra["set-cookie"] = f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict"

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in extra.items()]
                message["headers"] = [*message.get("headers", []), *added]
            await send(message)

        if problem is None:
            await self._app(scope, receive, with_headers)
        else:
            await _refuse(problem, with_headers)

    def _problem(self, method: str, headers: dict[str, str], in_url: str) -> str | None:
        host = headers.get("host", "")
        if host not in self._hosts:
            return "This page is served to this machine only: open the address that `harness annotate` printed."
        if method not in _SAFE_METHODS and headers.get("origin") != f"http://{host}":
            return "This came from another page, which may not write here."
        if not self._is_token(in_url or self._in_cookie(headers)):
            return "The token is missing or wrong. Open the whole address that `harness annotate` printed last."
        return None

    def _in_cookie(self, headers: dict[str, str]) -> str:
        # By hand: the standard library's parser drops everything from the first cookie that it cannot read, and all
        # programs on this host's other ports put theirs beside ours.
        for part in headers.get("cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == self._cookie:
                return value
        return ""

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self._token.encode())


async def _refuse(sentence: str, send: Send) -> None:
    body = (sentence + "\n").encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
