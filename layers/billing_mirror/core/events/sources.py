"""From which addresses a webhook may come: an optional check before the signature.

Stripe publishes its own: https://docs.stripe.com/ips
"""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from ..errors import BadRequest, ConfigurationError

Network: TypeAlias = IPv4Network | IPv6Network

FORBIDDEN = "the request comes from an address that WebhookSources does not name"


def networks_in(text: str) -> tuple[Network, ...]:
    """The addresses and networks of a text, separated by commas or spaces. Raises :class:`ConfigurationError`."""
    try:
        return tuple(ip_network(word) for word in text.replace(",", " ").split())
    except ValueError:
        raise ConfigurationError(
            "WEBHOOK_SOURCES is wrong: it must hold IP addresses or networks, separated by commas"
        ) from None


def require_source(address: str, allowed: Sequence[Network]) -> None:
    """Raises :class:`BadRequest` for an address outside the allowed networks; without any, all are allowed."""
    if not allowed:
        return
    try:
        source = ip_address(address)
    except ValueError:
        raise BadRequest(403, FORBIDDEN) from None
    if not any(source in network for network in allowed):
        raise BadRequest(403, FORBIDDEN)
