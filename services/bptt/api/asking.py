"""Who asks: the one place that says so, for every route."""

from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, Header

from bptt.api import USER_HEADER
from bptt.errors import InvalidSpec

LONGEST = 64


async def who_asks(name: Annotated[str, Header(alias=USER_HEADER)]) -> str:
    """Return the user's name, as the client tells it.

    No page of a stranger's in a browser can send this header, so no page can change anything.

    Raises:
        InvalidSpec: the name is empty, too long or not printable.
    """
    user = unquote(name)
    if not user.strip() or len(user) > LONGEST or not user.isprintable():
        raise InvalidSpec(
            [f"{USER_HEADER} must be a name of 1 to {LONGEST} printable characters, got {user!r}."]
        )
    return user


Asker = Annotated[str, Depends(who_asks)]
