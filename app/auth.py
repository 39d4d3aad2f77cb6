"""Who is calling, and whether the call may come from where it comes: keys, hosts and origins."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import time
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from starlette.datastructures import Headers

from app.errors import CrossOrigin, HostNotAllowed
from app.settings import AuthSettings, Settings
from core.errors import ConfigurationError, Forbidden, Unauthenticated
from core.types import EVERYONE, Principal

LOCAL = Principal(id="local", groups=frozenset({EVERYONE}), admin=True)
"""Who calls a server without keys: its owner, on the same machine."""

SESSION_COOKIE = "footnote_session"
SESSION_SECONDS = 30 * 24 * 3600

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_PROBES = {"/healthz", "/readyz"}

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="Key",
    description="One of `FOOTNOTE_AUTH__KEYS`; not needed where none is configured.",
)


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_bind(settings: Settings) -> None:
    """Refuses to listen beyond loopback without keys. Raises `ConfigurationError` naming the remedy."""
    if not settings.auth.keys and not is_loopback(settings.http.host):
        raise ConfigurationError(
            f"Without keys anyone who reaches {settings.http.host} could read every document. "
            "Set FOOTNOTE_AUTH__KEYS, or listen on 127.0.0.1 (FOOTNOTE_HTTP__HOST)."
        )


class Keys:
    """Maps bearer tokens to principals. One caller may have several keys, so that one can take another's place.

    Raises `ConfigurationError` when one key stands for two callers, or one name for callers who may not do the same:
    conversations, answers and jobs belong to a name, whichever of its keys is shown.
    """

    def __init__(self, settings: AuthSettings) -> None:
        self._known: list[tuple[bytes, Principal]] = []
        self._scrapers: list[bytes] = []
        for entry in settings.keys:
            digest = _digest(entry.key.get_secret_value())
            if any(
                hmac.compare_digest(digest, known) for known in (*(each for each, _ in self._known), *self._scrapers)
            ):
                raise ConfigurationError(f"The key of {entry.id} in FOOTNOTE_AUTH__KEYS is given twice.")
            if entry.metrics_only:
                self._scrapers.append(digest)
                continue
            caller = Principal(id=entry.id, groups=frozenset({EVERYONE, *entry.groups}), admin=entry.admin)
            if any(known.id == caller.id and known != caller for _, known in self._known):
                raise ConfigurationError(
                    f"The keys of {entry.id} in FOOTNOTE_AUTH__KEYS differ in groups or admin. "
                    "Give them the same, or another id to one of them."
                )
            self._known.append((digest, caller))

    @property
    def required(self) -> bool:
        """Whether callers must show a key."""
        return bool(self._known or self._scrapers)

    def scrapes(self, token: str | None) -> bool:
        """Whether a token stands for who may read the figures and nothing else. Takes the same time for every token."""
        digest = _digest(token or "")
        return sum(hmac.compare_digest(digest, known) for known in self._scrapers) > 0

    def principal(self, token: str | None) -> Principal:
        """Whose token this is. Raises `Unauthenticated`, and `Forbidden` for one that stands for no caller.

        Takes the same time for every token.
        """
        if not self.required:
            return LOCAL
        if not token:
            raise Unauthenticated("Send a key: `Authorization: Bearer …`.")
        digest = _digest(token)
        found: Principal | None = None
        for known, principal in self._known:
            if hmac.compare_digest(digest, known):
                found = principal
        if found is None and self.scrapes(token):
            raise Forbidden("This key reads /metrics and nothing else; send one of a caller.")
        if found is None:
            raise Unauthenticated("This key is not known here.")
        return found

    def named(self, principal_id: str) -> Principal | None:
        """Whoever has this name now, for work that goes on without a request; None where it has no key any more."""
        if not self._known:
            return LOCAL if principal_id == LOCAL.id else None
        return next((principal for _, principal in self._known if principal.id == principal_id), None)

    def session(self, token: str) -> str:
        """A cookie's value that stands for a token until it expires or the key is taken away; nothing is kept for it.

        Raises `Unauthenticated` and `Forbidden` as `principal` does.
        """
        self.principal(token)
        until = str(int(time.time()) + SESSION_SECONDS)
        return f"{until}.{_signed(_digest(token), until)}"

    def of_session(self, value: str) -> Principal:
        """Whose session this is. Raises `Unauthenticated`."""
        until, _, signature = value.partition(".")
        found: Principal | None = None
        for known, principal in self._known:
            if hmac.compare_digest(_signed(known, until).encode(), signature.encode(errors="replace")):
                found = principal
        if found is None or not until.isdecimal() or int(until) < time.time():
            raise Unauthenticated("Your session has ended; sign in again.")
        return found


class Guard:
    """Checks on a request's headers that hold whoever calls.

    The Host header must name this server, so that a name rebound to 127.0.0.1 opens nothing. Where no key is needed,
    or a cookie stands for it, another site's page could post through a browser, so a request that changes something
    must not come from one. The probes are answered under any name: orchestrators call them by address, and they tell
    no content.
    """

    def __init__(self, settings: Settings) -> None:
        hosts = {host.lower() for host in settings.http.allowed_hosts}
        if settings.http.host not in ("0.0.0.0", "::"):  # noqa: S104
            hosts.add(settings.http.host.lower())
        self._hosts = frozenset(hosts)
        self._keyed = bool(settings.auth.keys)

    def check(self, method: str, path: str, headers: Headers) -> None:
        """Raises `HostNotAllowed` or `CrossOrigin`."""
        host = headers.get("host", "").lower()
        if path not in _PROBES and not self.answers_for(headers):
            raise HostNotAllowed(
                "This server does not answer for the host it was called by. Add it to FOOTNOTE_HTTP__ALLOWED_HOSTS."
            )
        if method not in _SAFE_METHODS and not (self._keyed and _shows_key(headers)):
            self._same_origin(host, headers)

    def answers_for(self, headers: Headers) -> bool:
        """Whether the request calls this server by a name of its own."""
        return self._allowed(_without_port(headers.get("host", "").lower()))

    def _allowed(self, host: str) -> bool:
        if "*" in self._hosts or host in self._hosts or f"[{host}]" in self._hosts or host.strip("[]") in self._hosts:
            return bool(host) or "*" in self._hosts
        return any(known.startswith("*.") and host.endswith(known[1:]) for known in self._hosts)

    @staticmethod
    def _same_origin(host: str, headers: Headers) -> None:
        site = headers.get("sec-fetch-site", "none")
        origin = headers.get("origin")
        # "same-site" is not enough: another port of localhost is the same site.
        if site not in ("same-origin", "none") or (origin is not None and origin.lower().partition("://")[2] != host):
            raise CrossOrigin(
                "This request comes from another site's page; without a key in it only this server's own page may."
            )


async def principal(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None
) -> Principal:
    """The caller of a request, for routes to depend on. Raises `Unauthenticated`."""
    keys: Keys = request.app.state.keys
    cookie = request.cookies.get(SESSION_COOKIE)
    if credentials is None and cookie and keys.required:
        return keys.of_session(cookie)
    return keys.principal(credentials.credentials if credentials else None)


async def identified(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None
) -> Principal | None:
    """The caller of a request that anyone may send, None where it shows no key that is known."""
    try:
        return await principal(request, credentials)
    except (Unauthenticated, Forbidden):
        return None


async def measuring(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None
) -> bool:
    """Lets pass who may read the figures: any caller, and keys that are for nothing else. Whether those are all there
    are: what is told of rollouts is for administrators and such keys. Raises `Unauthenticated`."""
    keys: Keys = request.app.state.keys
    if credentials is not None and keys.scrapes(credentials.credentials):
        return True
    return (await principal(request, credentials)).admin


Caller = Annotated[Principal, Depends(principal)]
Identified = Annotated[Principal | None, Depends(identified)]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


def _signed(key_digest: bytes, until: str) -> str:
    return hmac.new(key_digest, f"footnote session until {until}".encode(), hashlib.sha256).hexdigest()


def _shows_key(headers: Headers) -> bool:
    """Whether a request carries a key, so that its cookie is not looked at: exactly what `_bearer` takes for one.

    A header of another kind does not count: a browser adds `Basic` to a form's request by itself when asked to.
    """
    scheme, token = get_authorization_scheme_param(headers.get("authorization"))
    return scheme.lower() == "bearer" and bool(token)


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
