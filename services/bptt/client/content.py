"""The user's own files that a grid names: measured and sent when the application asks for them.

Only the application, which has the plugins, knows which options are files. So the grid is sent as
it is; the answer says which files it names, then which contents are missing. Only files that appear
in one's own grid or overrides are ever read: no server can ask for another file.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from bptt.api.orders import Extend, GridText, NamedFile
from bptt.client.connection import Connection
from bptt.content import PIECE, UnusableFile, changed, digest_of, measure, open_file
from bptt.errors import ContentNeeded, InvalidSpec, UserError

A = TypeVar("A")
T = TypeVar("T", GridText, Extend)
ROUNDS = 4
"""How often something may be missing: names, contents, things removed or edited meanwhile."""


class Sender:
    """Answers what the application asks about the files of grids.

    Args:
        connection: to it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.on_sending: Callable[[str, int], None] = lambda name, size: None
        """Called with name and bytes of each content before it is sent."""
        self._paths: dict[str, str] = {}

    def ask(self, order: T, call: Callable[[T], A]) -> A:
        """Return the answer to an order, once everything it names is known there.

        Raises:
            BpttError: what the application raised.
            InvalidSpec: a file was written to while it was sent.
        """
        if isinstance(order, Extend) and order.source is None:
            # an override may name a file that has been edited since the grid was submitted
            own = _texts("", order.overrides) if order.overrides else []
            order = self._with(order, [text for text in own if _is_file(text)], 0)
        for _ in range(ROUNDS):
            try:
                return call(order)
            except ContentNeeded as needed:
                if needed.names:
                    own = _texts(order.source or "", order.overrides)
                    self._refuse_foreign(needed.names, own)
                    order = self._with(order, needed.names, needed.most)
                else:
                    self._send(order, needed.hashes)
        return call(order)

    def _refuse_foreign(self, names: Sequence[str], own: Sequence[str]) -> None:
        if foreign := [name for name in names if name not in own]:
            raise UserError(
                f"The file {foreign[0]!r}, which the grid was submitted with, is not kept there. "
                "Give the grid's file, which names it: bptt extend GRID FILE"
            )

    def _with(self, order: T, names: Sequence[str], most: int) -> T:
        """Return the order with what must be known about its files."""
        found: dict[str, NamedFile] = {}
        for text in names:
            if (digest := digest_of(text)) is not None:
                found[text] = NamedFile(sha256=digest)
                continue
            try:
                one = measure(text, most or None)
            except UnusableFile as problem:
                found[text] = NamedFile(problem=str(problem)[:8000])
                continue
            found[text] = NamedFile(sha256=one.sha256, size=one.size, name=one.name, path=one.path)
            self._paths[one.sha256] = text
        return order.model_copy(update={"files": {**order.files, **found}})

    def _send(self, order: GridText | Extend, hashes: Sequence[str]) -> None:
        files = {one.sha256: one for one in order.files.values()}
        for digest in hashes:
            if digest not in self._paths:
                raise UserError(
                    f"You have sent no content sha256:{digest}. Name the file itself; what others "
                    "have sent is theirs."
                )
            text, one = self._paths[digest], files[digest]
            self.on_sending(one.name, one.size)
            with self._refusals(text):
                pieces = _pieces(text, one)
                self._connection.send(f"/content/{digest}", pieces, one.size)

    @contextmanager
    def _refusals(self, text: str) -> Iterator[None]:
        try:
            yield
        except UnusableFile as refusal:
            raise InvalidSpec([f"{text}: {refusal}"]) from None


def _pieces(text: str, expected: NamedFile) -> Iterator[bytes]:
    """Yield the content of a file, of exactly the announced size.

    Raises:
        UnusableFile: its size has changed; any other change shows in its hash.
    """
    left = expected.size
    with open_file(text) as file:
        while left:
            piece = file.read(min(PIECE, left))
            if not piece:
                raise UnusableFile(changed(text))
            left -= len(piece)
            yield piece
        if file.read(1):
            raise UnusableFile(changed(text))


def _is_file(text: str) -> bool:
    try:
        return Path(text).expanduser().is_file()
    except (OSError, ValueError, RuntimeError):
        return False


def _texts(source: str, overrides: Sequence[str]) -> list[str]:
    """Return every text that is a value in a grid file or its overrides."""
    from bptt.run_file.document import Node, read_document
    from bptt.run_file.faults import Faults, InputPlace
    from bptt.run_file.overrides import apply_overrides

    # what is wrong with them is reported by the application, with everything else
    faults = Faults()
    try:
        root = read_document(source, "", faults)
    except InvalidSpec:
        root = None
    nodes = [root] if root is not None else []
    for override in overrides:
        empty = Node(InputPlace(0, ""), {})
        apply_overrides(empty, [override], faults)
        nodes.append(empty)
    found: dict[str, None] = {}
    while nodes:
        value = nodes.pop().value
        if isinstance(value, str):
            found[value] = None
        elif isinstance(value, Mapping):
            nodes += value.values()
        elif isinstance(value, list):
            nodes += value
    return list(found)
