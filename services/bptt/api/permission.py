"""Who may change what: the one place that decides it, for every route.

Everyone who is let in sees everything except other users' tokens. Users change what is theirs;
admins change everything, and only they grant urgency, roles and limits.
"""

from typing import Annotated

from fastapi import Depends

from bptt import store
from bptt.api import URGENCIES
from bptt.api.asking import Asker, Person
from bptt.api.gate import NO_TOKEN
from bptt.api.parameters import InPath
from bptt.api.service import Shared
from bptt.errors import NotAdmitted, NotAllowed
from bptt.store.tokens import PREFIX

URGENT = URGENCIES.index("urgent")


def own_grid(grid: InPath, asker: Asker, service: Shared) -> str:
    """Return the id of a grid that the asker may change; the full id is required.

    Raises:
        GridNotFound: there is none with this id.
        NotAllowed: it is somebody else's.
    """
    owner = store.owner_of_grid(service.database, grid)
    if not may_change(asker, owner):
        _refuse_foreign(asker, f"Grid {grid}", owner)
    return grid


def own_run(run: InPath, asker: Asker, service: Shared) -> str:
    """Return the id of a run that the asker may change; the full id is required.

    Raises:
        NotAllowed: it is somebody else's.
        RunNotFound: there is none with this id.
    """
    owner = store.owner_of_run(service.database, run)
    if not may_change(asker, owner):
        _refuse_foreign(asker, f"Run {run}", owner)
    return run


def _refuse_foreign(asker: Person, what: str, owner: str) -> None:
    raise NotAllowed(f"{what} is {owner}'s, and you are {asker.name}: ask {owner}, or an admin.")


def may_change(asker: Person, owner: str) -> bool:
    """Say whether somebody may change what is an owner's."""
    return asker.is_admin or owner == asker.name


def refuse_urgency(asker: Person, urgency: int | None) -> None:
    """Return if the asker may assign this class.

    Raises:
        NotAllowed: it goes before everybody else's, which takes an admin.
    """
    if urgency == URGENT and not asker.is_admin:
        raise NotAllowed(
            "Only an admin makes a grid urgent, as it then goes before everybody's. "
            "Among your own grids --priority decides."
        )


def refuse_more_urgent_runs(asker: Person, urgency: int) -> None:
    """Return if the asker may add points to a grid of this class.

    Raises:
        NotAllowed: it is urgent, and an admin approved only the grid as it is.
    """
    if urgency == URGENT and not asker.is_admin:
        raise NotAllowed(
            "The grid is urgent, and so would be its new runs: ask an admin to extend it, or put "
            "it back first: bptt priority GRID 0 --class normal"
        )


async def proven(asker: Asker) -> Person:
    """Return who is asking, if there is more than their word for it.

    Raises:
        NotAdmitted: there is only their word: anybody could make themselves an admin.
    """
    if not asker.is_proven:
        raise NotAdmitted(f"Users and tokens are not for everybody. {NO_TOKEN}")
    return asker


Proven = Annotated[Person, Depends(proven)]


async def admin(asker: Proven) -> Person:
    """Return who is asking, if that is an admin.

    Raises:
        NotAllowed: it is not.
    """
    if not asker.is_admin:
        raise NotAllowed(f"Only an admin may do that, and you, {asker.name}, are a user.")
    return asker


OwnGrid = Annotated[str, Depends(own_grid)]
OwnRun = Annotated[str, Depends(own_run)]
Admin = Annotated[Person, Depends(admin)]


def own_name(asker: Person, user: str | None) -> str:
    """Return for whom something is asked: the asker, unless somebody is named.

    Raises:
        NotAllowed: it is somebody else, and that is for admins.
    """
    if user is None or user == asker.name:
        return asker.name
    if not asker.is_admin:
        raise NotAllowed(
            f"The tokens of {user} are theirs and an admin's, and you are {asker.name}."
        )
    return user


def own_token(prefix: InPath, asker: Proven, service: Shared) -> str:
    """Return the full prefix of a token that the asker may revoke.

    Raises:
        NotAllowed: it is somebody else's, and its whole prefix was given.
        TokenNotFound: there is none, or several.
    """
    # guessing prefixes reveals nobody else's token
    whose = None if asker.is_admin or len(prefix) >= PREFIX else asker.name
    found = store.find_token(service.database, prefix, whose)
    if not may_change(asker, found.user):
        _refuse_foreign(asker, f"The token {found.prefix}", found.user)
    return found.prefix


OwnToken = Annotated[str, Depends(own_token)]
