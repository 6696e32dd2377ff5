"""A path given in a setting: which names can be used, and where they lead."""

import unicodedata
from pathlib import Path

from bptt.errors import InvalidSetting

UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")
"""Classes of characters that no path may have: they would break lines, and JSON."""


def read_path(variable: str, text: str) -> Path:
    """Return the path from the root that `text` names.

    Raises:
        InvalidSetting: it contains line breaks, control characters or bytes that are not UTF-8,
            or leads nowhere from here.
    """
    if strange := next((c for c in text if unicodedata.category(c) in UNPRINTABLE), None):
        what = "bytes that are not UTF-8" if "\ud800" <= strange <= "\udfff" else repr(strange)
        raise InvalidSetting(
            f"{variable} must be a path without line breaks and control characters, in UTF-8; "
            f"got {what} in {text!r}. Rename the folder, or name another one."
        )
    try:
        path = Path(text).expanduser().absolute()
        # by names alone, the '..' of a link would be taken for the folder before it
        return path.resolve() if ".." in path.parts else path
    except (OSError, RuntimeError) as error:
        raise InvalidSetting(
            f"{variable} must be a path that can be found from here, got {text!r}: {error}. "
            "Give an absolute path: /..."
        ) from error
