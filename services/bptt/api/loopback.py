"""Which addresses can only be reached from this machine."""

from ipaddress import ip_address

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach a host; False for names that may change."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
