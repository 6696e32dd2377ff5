"""Looks for distributions whose plugins are invisible because a group of theirs is mistyped."""

from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches
from importlib import metadata

from bptt import registry
from bptt.doctor.finding import Finding
from bptt.errors import did_you_mean
from bptt.settings import Settings

GROUPS = [f"bptt.{kind}s" for kind in registry.KINDS]
ALIKE = 0.8
"""From 0 to 1: how similar to one of ours a group must be to be taken for it."""


def groups(settings: Settings) -> Iterator[Finding]:
    """Name installed distributions, and what in them was probably meant."""
    strange = set()
    for distribution in metadata.distributions():
        # unreadable metadata hides only its own
        with suppress(Exception):
            for group in {entry.group for entry in distribution.entry_points}:
                if _is_strange(group):
                    strange.add((distribution.metadata["Name"], group))
    for name, group in sorted(strange):
        message = f"{name} has entry points in the group {group!r}, which nothing reads"
        allowed = f"Allowed: {', '.join(GROUPS)}."
        yield Finding("warn", "plugins", f"{message}{did_you_mean(group, GROUPS)} {allowed}")


def _is_strange(group: str) -> bool:
    if group in GROUPS:
        return False
    plain = group.lower()
    return plain.startswith("bptt.") or bool(get_close_matches(plain, GROUPS, 1, ALIKE))
