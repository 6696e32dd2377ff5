"""Many rows in few statements."""

import gc
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Table, TextClause, text

CHUNK = 20_000
"""Rows per statement."""
MANY = 1000
"""Number of rows that may change how a table is best searched."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Turn the garbage collector off while hundreds of thousands of rows are made and dropped.

    None of them is part of a cycle, and scanning them takes a sixth of the time.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def insert_many(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows of plain values; a JSON column takes JSON text.

    Args:
        connection: of a writing transaction.
        table: where to.
        rows: values by column, iterated once. All have the same columns in the same order;
            other columns get their defaults.
    """
    remaining = iter(rows)
    statement = ""
    if connection.dialect.name == "sqlite":
        # at most so many KiB: indexes are written at random, and 2 MiB holds too little of them
        connection.exec_driver_sql("PRAGMA cache_size = -65536")
    inserted = 0
    while chunk := list(islice(remaining, CHUNK)):
        inserted += len(chunk)
        statement = statement or _statement(connection, table, list(chunk[0]))
        values = [tuple(row.values()) for row in chunk]
        if connection.dialect.name == "postgresql":
            # one round trip and one parse, where row-by-row inserts would need thousands
            connection.execute(text(statement), {"rows": json.dumps(values)})
        else:
            connection.exec_driver_sql(statement, values)
    if inserted >= MANY:
        learn(connection, table)


def learn(connection: Connection, table: Table) -> None:
    """Have PostgreSQL analyse a table into which many rows were written.

    It would do so by itself a minute later, and until then plan as if the table were empty.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"ANALYZE {table.name}"))


def _statement(connection: Connection, table: Table, columns: Sequence[str]) -> str:
    into = f"INSERT INTO {table.name} ({', '.join(columns)})"
    if connection.dialect.name != "postgresql":
        return f"{into} VALUES ({', '.join('?' * len(columns))})"
    types = {name: table.c[name].type.compile(connection.dialect) for name in columns}
    values = [f"CAST(r.value ->> {n} AS {types[name]})" for n, name in enumerate(columns)]
    return f"{into} SELECT {', '.join(values)} FROM json_array_elements(CAST(:rows AS json)) AS r"


def among(connection: Connection, column: str, values: Sequence[str]) -> TextClause:
    """Return the condition that a column has one of any number of values."""
    # a list in the statement itself is limited to some thousands, and parsed each time
    if connection.dialect.name == "postgresql":
        return text(f"{column} = ANY(:among)").bindparams(among=list(values))
    condition = text(f"{column} IN (SELECT value FROM json_each(:among))")
    return condition.bindparams(among=json.dumps(values))
