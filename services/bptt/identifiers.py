"""Ids of grids and runs: the letters they are made of, and what the id of a run tells."""

import secrets

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
"""Without look-alikes."""


def random_letters(number: int) -> str:
    """Return so many letters that nobody can guess."""
    return "".join(secrets.choice(ALPHABET) for _ in range(number))


def run_id_of(grid_id: str, number: int | str) -> str:
    """Return the id of a run that is queued for a grid, or is queued there again."""
    return f"{grid_id}-{number}"


def grid_of(run_id: str) -> str:
    """Return the id of the grid that a run was queued for, which may be gone; '' if for none."""
    return run_id.rpartition("-")[0]
