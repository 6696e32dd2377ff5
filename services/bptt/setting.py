"""How the text of one `BPTT_*` variable becomes its value, or is rejected in one line."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from bptt.errors import InvalidSetting, did_you_mean, quoted
from bptt.path import read_path

Convert = Callable[[str, str], Any]
"""From the variable's name and text to its value."""

TOKEN = re.compile(r"bptt_[A-Za-z0-9_-]{43}")


def plain(variable: str, text: str) -> str:
    """Return the text as it is."""
    return text


def file(variable: str, text: str) -> str:
    """Return an absolute path as text."""
    return str(read_path(variable, text))


LONGEST = 10**8
"""Seconds, some three years: what every clock and timer accepts."""


def at_least(least: float) -> Convert:
    """Return a reader of a number of seconds that is large enough."""

    def convert(variable: str, text: str) -> float:
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1.0
        if not least <= seconds <= LONGEST:
            raise InvalidSetting(
                f"{variable} must be a number of seconds >= {least:g} and <= {LONGEST:,}, "
                f"got {quoted(text)}."
            )
        return seconds

    return convert


def count(least: int, most: int) -> Convert:
    """Return a reader of a whole number within these bounds."""

    def convert(variable: str, text: str) -> int:
        # Python refuses to convert thousands of digits
        is_number = text.isascii() and text.isdigit() and len(text) < 20
        if not is_number or not least <= int(text) <= most:
            raise InvalidSetting(
                f"{variable} must be a whole number >= {least} and <= {most:,}, got {quoted(text)}."
            )
        return int(text)

    return convert


def url(*schemes: str, otherwise: str) -> Convert:
    """Return a reader of an address of one of these schemes; `otherwise` says what else to do."""

    def convert(variable: str, text: str) -> str:
        if not text.startswith(tuple(f"{scheme}://" for scheme in schemes)):
            allowed = " or ".join(f"{scheme}://" for scheme in schemes)
            raise InvalidSetting(
                f"{variable} must start with {allowed}, got {quoted(_hide_password(text))}. "
                f"{otherwise}"
            )
        try:
            # otherwise an unparsable address would be reported only when it is used
            _ = urlsplit(text).port
        except ValueError as error:
            raise InvalidSetting(
                f"{variable} is not an address: {error}; got {quoted(_hide_password(text))}. "
                f"{otherwise}"
            ) from error
        return text

    return convert


def one_of(*allowed: str) -> Convert:
    """Return a reader of one of these words."""

    def convert(variable: str, text: str) -> str:
        if text not in allowed:
            meant = did_you_mean(text, allowed)
            raise InvalidSetting(
                f"{variable} must be {' or '.join(allowed)}, got {quoted(text)}{meant}"
            )
        return text

    return convert


def read_token(variable: str, text: str) -> str:
    """Return an access token; no error shows it.

    Raises:
        InvalidSetting: this cannot be a token.
    """
    if not TOKEN.fullmatch(text):
        raise InvalidSetting(
            f"{variable} must be a token as `bptt tokens create` prints it: bptt_ and 43 letters, "
            f"digits, - or _; got {len(text)} characters that are not one (not shown here)."
        )
    return text


def _hide_password(url: str) -> str:
    scheme, found, rest = url.partition("://")
    secret, at, host = rest.rpartition("@")
    return f"{scheme}://***@{host}" if found and at and secret else url
