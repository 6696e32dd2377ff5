"""Which addresses only this machine reaches."""

from ipaddress import ip_address

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches what listens there; a name that may change does not."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
