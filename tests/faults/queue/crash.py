"""Ends a process at a chosen operation, as a loss of power would: no handler runs, no exit code.

In a training process the operations are those on files; in a worker, its transactions. Nothing of
this is in the program: it is put around `os` and SQLAlchemy from outside.
"""

import json
from pathlib import Path

FILE_OPERATIONS = ("write", "fsync", "replace")
MOMENTS = ("before", "after")

SITE = '''
"""Loaded by every Python that has this folder on its path; acts only in a run's first attempt."""

import json
import os
import re

OWNER = re.compile(r"/runs/[^/]+-([0-9]+)/a1/log.txt$")
PLAN = os.path.join(os.path.dirname(__file__), "crashes.json")
counts = {}


def planned():
    try:
        owner = OWNER.search(os.readlink("/proc/self/fd/1"))
    except OSError:
        return None
    if not owner or not os.path.exists(PLAN):
        return None
    with open(PLAN) as file:
        return json.load(file).get(owner[1])


def crashing(name):
    operation = getattr(os, name)

    def wrapped(*arguments, **options):
        plan = planned()
        if not plan or plan[0] != name:
            return operation(*arguments, **options)
        counts[name] = counts.get(name, 0) + 1
        due = counts[name] == plan[1]
        if due and plan[2] == "before":
            os._exit(137)
        result = operation(*arguments, **options)
        if due:
            os._exit(137)
        return result

    return wrapped


for name in ("write", "fsync", "replace"):
    setattr(os, name, crashing(name))
'''

WORKER = '''
"""`bptt worker` that dies at the nth transaction, before or after it is committed."""

import os
import sys

from sqlalchemy import Engine, event

from bptt.cli import main


def die_at(number, moment):
    seen = {"count": 0, "due": False}

    @event.listens_for(Engine, "commit")
    def commit(connection):
        if connection.get_execution_options().get("postgresql_readonly"):
            return
        seen["count"] += 1
        if seen["count"] == number:
            if moment == "before":
                os._exit(137)
            seen["due"] = True

    @event.listens_for(Engine, "checkin")
    def checkin(connection, record):
        if seen["due"]:
            os._exit(137)


# the processes it starts look at this file too
if __name__ == "__main__":
    number, moment = int(sys.argv.pop()), sys.argv.pop()
    die_at(number, moment)
    main(["worker"])
'''


def plan(site: Path, runs: int) -> dict[int, tuple[str, int, str]]:
    """Write, for the first attempts of so many runs, where each ends; return it by number.

    Every operation is met before and after it is done: the first time, the second, ...
    """
    points = [
        (name, count, moment)
        for count in range(1, runs)
        for name in FILE_OPERATIONS
        for moment in MOMENTS
    ]
    # run 0 goes ahead of the grid and is left in peace
    planned = dict(enumerate(points[: runs - 1], start=1))
    site.joinpath("sitecustomize.py").write_text(SITE)
    site.joinpath("crashes.json").write_text(json.dumps(planned))
    site.joinpath("crashing_worker.py").write_text(WORKER)
    return planned
