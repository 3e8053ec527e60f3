"""Which addresses a provider may be reached at (docs/decisions/provider-addresses.md).

An address that somebody typed in Slack is *guarded*: https, and never a machine of our own network, so that the bot
cannot be made to speak with what only it can reach. What an operator set on the command line is not, nor is any where
an admin allowed it (setting `providers.internal_addresses`).

Names are judged when they are typed, addresses again by the socket that is about to connect: a name that changes its
mind in between (DNS rebinding) gains nothing.
"""

import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

from distribution.errors import Refused

# Names that never leave a machine or a network (RFC 6761, RFC 6762, RFC 8375; "internal" as ICANN reserved it).
LOCAL_NAMES = ("localhost", "local", "internal", "home.arpa", "localdomain", "intranet", "lan", "corp", "home")
SETTING = "providers.internal_addresses"
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last 32 bits
# All of IPv6 that is given out to be reached from everywhere (RFC 4291). What is beside it may be translated by our own
# network (64:ff9b:1::/48 of RFC 8215, ::ffff:0:0:0/96, ::/96), and Python calls some of it global.
PUBLIC = ipaddress.ip_network("2000::/3")
ALLOW = "An admin can allow internal addresses in /promo settings, an operator can set this one with promobot provider."

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class InternalAddress(OSError):
    """A guarded provider's name leads into our own network: nothing was sent."""


def check(url: str, field: str, *, guarded: bool) -> None:
    """Raise `Refused` at `field` unless `url` is an http(s) address, and, guarded, one outside of our own network."""
    example = "Write it like https://gateway.example.com/sms"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Refused(f"'{url}' is not an address. {example}.", field=field) from None
    if parts.scheme not in ("http", "https") or not host or port == 0 or any(c.isspace() for c in url):
        raise Refused(f"'{url}' is not an address. {example}.", field=field)
    if parts.username is not None or parts.password is not None:
        raise Refused("A user name or password does not belong in the address. Leave it out.", field=field)
    if parts.fragment:
        raise Refused("The address must not have a '#' part. Leave it out.", field=field)
    if not guarded:
        return
    if is_internal_name(host):
        raise Refused(f"'{host}' is an address of our own network. {ALLOW}", field=field)
    if parts.scheme != "https":
        raise Refused(f"The address must begin with https://. {ALLOW}", field=field)


def is_internal_name(host: str) -> bool:
    """Whether a host's name alone says that it is not on the public internet: an address, or a name used inside."""
    name = host.rstrip(".").lower()
    try:
        return is_internal(name)
    except ValueError:
        pass
    # One label ("db", "metadata"), and numbers that only C reads as an address ("127.1", "0x7f000001").
    last = name.rpartition(".")[2]
    return "." not in name or last in LOCAL_NAMES or name.endswith(".home.arpa") or last[:1].isdigit()


def is_internal(address: str) -> bool:
    """Whether an IP address is anything but one of the public internet. Raises `ValueError` when it is none."""
    found: _Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        found = _inner(found)
    if isinstance(found, ipaddress.IPv6Address) and found not in PUBLIC:
        return True
    return not found.is_global or found.is_multicast


def _inner(address: ipaddress.IPv6Address) -> _Address:
    """The IPv4 address that an IPv6 address leads to, where it does (mapped, 6to4, Teredo, NAT64)."""
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address


def guarded_socket(address: tuple[Any, ...]) -> socket.socket:
    """A socket for one address of `getaddrinfo`, for `aiohappyeyeballs`: what is checked is what is connected.

    Raises `InternalAddress`.
    """
    family, kind, protocol, _, where = address
    if is_internal(str(where[0])):
        raise InternalAddress("the provider's address leads into our own network")
    return socket.socket(family=family, type=kind, proto=protocol)
