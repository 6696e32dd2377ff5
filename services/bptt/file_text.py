"""Reading a run file's text: everything that can be wrong before YAML comes into play."""

import stat
from pathlib import Path

from bptt.errors import InvalidSpec

LARGEST = 1_000_000
"""Bytes; a run file has about a thousand."""


def read_text(path: Path) -> str:
    """Return the text of a file; never reads more than `LARGEST` bytes.

    Raises:
        InvalidSpec: no such file, not a file, too large, or not UTF-8.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InvalidSpec([f"{path}: is a folder, not a run file. Name a file in it."])
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode)):
            raise InvalidSpec([f"{path}: is a device, not a run file."])
        if status.st_size > LARGEST:
            raise InvalidSpec([_too_large(str(path), f"{status.st_size:,} bytes")])
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise InvalidSpec([f"{path}: no such file in {Path.cwd()}."]) from None
    except (OSError, ValueError) as error:  # a name with a NUL byte is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise InvalidSpec([f"{str(path)!r}: cannot be read: {reason}."]) from error
    if len(content) > LARGEST:
        raise InvalidSpec([_too_large(str(path), "more")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise InvalidSpec(
            [f"{path}:{line}: is not a text file in UTF-8 (byte 0x{byte:02x} at {error.start})."]
        ) from error


def check_text(text: str, filename: str) -> None:
    """Reject a text that `read_text` could not have returned.

    Raises:
        InvalidSpec: it is too large.
    """
    size = len(text.encode(errors="surrogatepass"))
    if size > LARGEST:
        raise InvalidSpec([_too_large(filename, f"{size:,} bytes")])


def _too_large(filename: str, size: str) -> str:
    return f"{filename}: is too large for a run file: at most {LARGEST:,} bytes, got {size}."
