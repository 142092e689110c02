"""Whether posts may be passed on to the receiver that a bot's owner names."""

from __future__ import annotations

from urllib.parse import urlsplit

from linkage.adapters.http.forwarder import Resolve, resolve
from linkage.domain.addresses import may_receive
from linkage.domain.errors import ConfigurationError


def check_receiver(url: str, *, insecure: bool, loopback: bool, resolve: Resolve = resolve) -> None:
    """Return when posts may be passed on to a URL, as far as this machine can tell.

    A name that nobody here knows passes: the function checks again, each time, what it resolves to there.

    Args:
        url: of ``--forward-url``.
        insecure: whether http will do.
        loopback: whether it may be on this machine.
        resolve: returns the addresses of a host.

    Raises:
        ConfigurationError: it is no such URL, or leads to where nothing is passed on to.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 443
        good = parts.scheme in ("http", "https") and bool(host) and "@" not in parts.netloc
    except ValueError:
        good = False
    if not good:
        raise ConfigurationError(
            "--forward-url has to be an https URL without user or password", "forward_url"
        )
    if parts.scheme == "http" and not insecure:
        raise ConfigurationError("--forward-url has to be https, unless you say --insecure", "forward_url")
    try:
        addresses = resolve(host, port)
    except (OSError, UnicodeError):
        return
    for address in addresses:
        if not may_receive(address, loopback=loopback):
            raise ConfigurationError(
                f"--forward-url leads to {address}; posts are passed on to public addresses only",
                "forward_url",
            )
