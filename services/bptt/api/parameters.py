"""What a path or a query may contain: bounds that the database and every answer can hold."""

from typing import Annotated

from annotated_types import Ge, Lt
from fastapi import Path, Query
from pydantic import StringConstraints

from bptt.api import PRINTED

LONGEST = 200
"""Characters of an id or a name; all existing ones are shorter."""
NAMES_AT_MOST = 100
FURTHEST = 2**53
"""Byte of a log: exact in every JSON reader, and far beyond any disk."""
MOST_ATTEMPTS = 2**31 - 1

InPath = Annotated[str, Path(max_length=LONGEST, pattern=PRINTED)]
"""An id, the beginning of one, or a name, in a path."""
InQuery = Annotated[str, Query(max_length=LONGEST, pattern=PRINTED)]
Names = Annotated[
    list[Annotated[str, StringConstraints(max_length=LONGEST, pattern=PRINTED)]] | None,
    Query(max_length=NAMES_AT_MOST),
]
SeveralInQuery = Annotated[
    list[Annotated[str, StringConstraints(max_length=LONGEST, pattern=PRINTED)]],
    Query(min_length=1, max_length=NAMES_AT_MOST),
]
Seeds = Annotated[list[Annotated[int, Ge(0), Lt(2**63)]] | None, Query(max_length=NAMES_AT_MOST)]
Limit = Annotated[int, Query(ge=1, le=10_000)]
Attempt = Annotated[int, Query(ge=1, le=MOST_ATTEMPTS)]
Offset = Annotated[int, Query(ge=0, le=FURTHEST)]
