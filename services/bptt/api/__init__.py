"""The one door to grids and runs: a FastAPI application, served or called in-process."""

API = 1
"""Incremented whenever an older client or an older server would misunderstand the other."""

API_HEADER = "Bptt-Api"
VERSION_HEADER = "Bptt-Version"
USER_HEADER = "Bptt-User"
"""Who asks, percent-encoded."""

URGENCIES = ("low", "normal", "urgent")
"""Classes of grids by their number."""

PRINTED = r"^[^\x00-\x1f\x7f]*$"
"""A text without control characters: PostgreSQL holds no NUL, and no name of ours has a newline."""
