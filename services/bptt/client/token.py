"""This client's token: where it is stored, and whether others can read it in transit."""

from pathlib import Path
from urllib.parse import urlsplit

from bptt.api.loopback import is_loopback
from bptt.errors import InvalidSetting
from bptt.setting import read_token
from bptt.settings import Settings


def token_of(settings: Settings) -> str:
    """Return the token to present to a server; empty: there is none.

    Raises:
        InvalidSetting: it is given twice, its file cannot be read, or has some other content.
    """
    if not settings.token_file:
        return settings.token
    if settings.token:
        raise InvalidSetting("BPTT_TOKEN and BPTT_TOKEN_FILE are both set; leave one of them out.")
    file = Path(settings.token_file)
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InvalidSetting(f"BPTT_TOKEN_FILE: cannot read {file}: {reason}.") from error
    return read_token(f"BPTT_TOKEN_FILE ({file})", text.strip())


def is_overheard(settings: Settings) -> bool:
    """Say whether a token is sent that anybody on the way to the server could read."""
    address = urlsplit(settings.server)
    in_clear = address.scheme == "http" and not is_loopback(address.hostname or "")
    return in_clear and bool(token_of(settings))
