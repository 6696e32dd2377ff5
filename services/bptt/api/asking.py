"""Who is asking: the one place that decides it, for every route."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, Header, Request

from bptt.api import USER_HEADER
from bptt.api.gate import NO_TOKEN, Admission
from bptt.errors import InvalidSpec, NotAdmitted, quoted
from bptt.records.users import Holder

LONGEST = 64


@dataclass(frozen=True)
class Person:
    """Who is asking, and how that is known."""

    name: str
    is_admin: bool
    """May change what belongs to others."""
    is_proven: bool
    """By a token or by access to this machine's files; if not, the client only claims it."""
    token: Holder | None = None


async def who_asks(
    request: Request, name: Annotated[str | None, Header(alias=USER_HEADER)] = None
) -> Person:
    """Return who is asking: the owner of the token, or whom the client names.

    Anyone who needs no token has access to this machine and may do everything there. No foreign
    page in a browser can send either header, so no page can change anything.

    Raises:
        InvalidSpec: the name is missing, empty, too long, not printable or not UTF-8.
        NotAdmitted: a token is required, and none was shown.
    """
    admission: Admission = request.app.state.admission
    holder: Holder | None = getattr(request.state, "holder", None)
    if holder is not None:
        return Person(holder.name, holder.role == "admin", is_proven=True, token=holder)
    if admission == "tokens":
        raise NotAdmitted(NO_TOKEN)
    if name is None:
        raise InvalidSpec([f"{USER_HEADER}: Field required."])
    try:
        user = user_name(unquote(name, errors="strict"), USER_HEADER)
    except UnicodeDecodeError:
        raise InvalidSpec([f"{USER_HEADER}: must be UTF-8, percent-encoded."]) from None
    return Person(user, is_admin=True, is_proven=admission == "machine")


def user_name(user: str, where: str) -> str:
    """Return a user's name.

    Raises:
        InvalidSpec: it is empty, too long, not printable, holds a / or begins with a -.
    """
    if (
        not user.strip()
        or len(user) > LONGEST
        or not user.isprintable()
        or user.startswith("-")
        or "/" in user
    ):
        raise InvalidSpec(
            [
                f"{where} must be a name of 1 to {LONGEST} printable characters, without "
                f"/ and not beginning with -, got {quoted(user)}."
            ]
        )
    return user


Asker = Annotated[Person, Depends(who_asks)]


async def reading_person(
    request: Request, name: Annotated[str | None, Header(alias=USER_HEADER)] = None
) -> Person | None:
    """Return who only reads something; None: nobody says who.

    Raises:
        InvalidSpec: the client names somebody, and that name is empty, too long or not printable.
        NotAdmitted: a token is required, and none was shown.
    """
    holder: Holder | None = getattr(request.state, "holder", None)
    return None if holder is None and name is None else await who_asks(request, name)


ReadingPerson = Annotated[Person | None, Depends(reading_person)]


async def who_reads(person: ReadingPerson) -> str | None:
    """Return whose names take precedence where something is only read; None: nobody's."""
    return None if person is None else person.name


Reader = Annotated[str | None, Depends(who_reads)]
