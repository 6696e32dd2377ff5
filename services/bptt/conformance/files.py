"""A plugin opens no file through an option that is not declared as one."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from bptt.errors import ContractViolation
from bptt.registry import Option

_opened: ContextVar[set[str] | None] = ContextVar("opened", default=None)


@contextmanager
def declared_files(
    subject: str, known: Mapping[str, Option], given: Mapping[str, Any]
) -> Iterator[None]:
    """Require that no file named by a plain text option is opened meanwhile.

    Such a file is not sent with a grid, and would be looked for where the run is trained.

    Args:
        subject: what opens files, in words.
        known: options of the plugin.
        given: values of some of them, as JSON holds them.

    Raises:
        ContractViolation: one is opened.
    """
    texts = {
        name: given.get(name, option.default)
        for name, option in known.items()
        if not option.is_file
    }
    _watch()
    opened: set[str] = set()
    token = _opened.set(opened)
    try:
        yield
    finally:
        _opened.reset(token)
        found = [n for n, v in texts.items() if isinstance(v, str) and os.path.abspath(v) in opened]
        if found:
            raise ContractViolation(
                f"{subject} opens the file that its option {found[0]!r} names: declare it as "
                "`DataFile` (of bptt.contracts), so that its content is sent and kept."
            )


@cache
def _watch() -> None:
    # once: a hook stays for as long as the process lives
    sys.addaudithook(_note)


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and (opened := _opened.get()) is not None:
        path = arguments[0]
        if isinstance(path, str | os.PathLike):
            opened.add(os.path.abspath(os.fspath(path)))
