"""Passes a received body on over HTTP: once, unchanged, to a public address and nowhere else."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping, Sequence

import urllib3

from linkage.domain.addresses import may_receive
from linkage.domain.errors import DeliveryError, ForbiddenAddressError, NotSentError, RefusedError

Resolve = Callable[[str, int], Sequence[str]]

_NOT_TAKEN = (408, 425, 429, 503)
"""Answers by which a receiver says that it did not take the post, and that it may come again."""
_NOT_CONNECTED = (urllib3.exceptions.ConnectTimeoutError, urllib3.exceptions.NewConnectionError)
_PORTS = {"http": 80, "https": 443}
_CONNECT_SECONDS = 2.0
_MAX_ADDRESSES = 3


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, each once, best first.

    Raises:
        OSError: there are none, or nobody who knows them answers.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class HttpForwarder:
    """``Forwarder`` over urllib3, without retries: the sender's own retries are enough.

    The host is resolved here, each of its addresses is checked, and the connection goes to one that was
    checked: a name that means another address a moment later gains nothing. Redirects are answers, not ways.

    Args:
        timeout_seconds: for the whole call, connecting included.
        loopback: whether a receiver may be on this machine, as in the local cloud.
        resolve: returns the addresses of a host.
        context: verifies the certificates of receivers; that of the system if None.
    """

    def __init__(
        self,
        *,
        timeout_seconds: float,
        loopback: bool = False,
        resolve: Resolve = resolve,
        context: ssl.SSLContext | None = None,
    ) -> None:
        connect = min(_CONNECT_SECONDS, timeout_seconds)
        self._timeout = urllib3.Timeout(connect=connect, total=timeout_seconds)
        self._loopback = loopback
        self._resolve = resolve
        self._context = context or ssl.create_default_context()

    def forward(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Post the body once; see ``ports.forwarding.Forwarder``."""
        try:
            target = urllib3.util.parse_url(url)
            host, port = (target.host or "").strip("[]"), target.port or _PORTS[target.scheme or ""]
            addresses = self._resolve(host, port)
        except (urllib3.exceptions.LocationParseError, KeyError, OSError, UnicodeError) as error:
            raise NotSentError(f"the receiver cannot be found: {type(error).__name__}") from None
        if not all(may_receive(address, loopback=self._loopback) for address in addresses):
            raise ForbiddenAddressError("the receiver is at an address that nothing is passed on to")
        named = {**headers, "host": target.netloc or ""}
        status = None
        for address in addresses[:_MAX_ADDRESSES]:
            with self._pool(target.scheme or "", address, port, host) as pool:
                status = _post(pool, target.request_uri, body, named)
            if status is not None:
                break
        _judge(status)

    def _pool(self, scheme: str, address: str, port: int, host: str) -> urllib3.HTTPConnectionPool:
        """Return a connection of its own to a checked address.

        One that is kept, and that the receiver closed while we were frozen, would break in the middle of a
        post and leave it unknown whether the receiver has it.
        """
        if scheme == "http":
            return urllib3.HTTPConnectionPool(address, port, timeout=self._timeout, retries=False)
        return urllib3.HTTPSConnectionPool(
            address,
            port,
            timeout=self._timeout,
            retries=False,
            ssl_context=self._context,
            server_hostname=host,
        )


def _post(pool: urllib3.HTTPConnectionPool, path: str, body: bytes, headers: Mapping[str, str]) -> int | None:
    """Return the receiver's status; None when it could not be reached, so that nothing was sent."""
    try:
        response = pool.urlopen(
            "POST",
            path,
            body=body,
            headers=dict(headers),
            redirect=False,
            assert_same_host=False,
            preload_content=False,
        )
        response.close()
    except _NOT_CONNECTED:
        return None
    except urllib3.exceptions.HTTPError as error:
        if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in error.args):
            return None  # found out before anything of the post went there
        raise DeliveryError(f"the receiver gave no answer: {type(error).__name__}") from None
    return response.status


def _judge(status: int | None) -> None:
    if status is None:
        raise NotSentError("the receiver cannot be reached")
    if status in _NOT_TAKEN:
        raise NotSentError(f"the receiver answered {status}")
    if status >= 500:
        raise DeliveryError(f"the receiver answered {status}")
    if not 200 <= status < 300:
        raise RefusedError(f"the receiver answered {status}", status)
