"""The one door to grids and runs: a FastAPI application, served or called in-process."""

from pathlib import Path

API = 1
"""Incremented whenever an older client or an older server would misunderstand the other."""

API_HEADER = "Bptt-Api"
VERSION_HEADER = "Bptt-Version"
USER_HEADER = "Bptt-User"
"""Who asks, percent-encoded."""
LIKENESS_HEADER = "Bptt-Likeness"
"""What a client on this machine would answer with itself: see `bptt.likeness`."""
UNLIKE = 421
"""Status that tells such a client to see to its request itself."""

URGENCIES = ("low", "normal", "urgent")
"""Classes of grids by their number."""

PRINTED = r"^[^\x00-\x1f\x7f]*$"
"""A text without control characters: PostgreSQL holds no NUL, and no name of ours has a newline."""


def application_socket(home: Path) -> Path:
    """Return where the application listens that `bptt up` keeps running."""
    return home / "application.sock"
