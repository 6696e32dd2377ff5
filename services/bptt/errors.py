"""Every error that a user can meet; each is one line: what is wrong, got, allowed, what to do.

BpttError                     exit code 1
├── UserError                 exit code 2: the user can mend it; nothing was changed
│   ├── InvalidSpec           one or more faults in a run file or a `--set`
│   ├── InvalidSetting        a BPTT_* variable, or what it points to
│   ├── RunNotFound
│   ├── GridNotFound
│   ├── TokenNotFound
│   ├── UserNotFound
│   ├── NotAdmitted           no token that holds was shown to a server that asks for one
│   ├── NotAllowed            somebody else may do it
│   ├── RunBusy
│   ├── NotPossible           the run or grid is not in a status that allows it
│   ├── SchemaMismatch        the database is of another version of bptt
│   ├── TooMuchWork           a server does not give one request so much time or memory
│   ├── NobodyWaits           the client of a server went away
│   ├── HomeBusy              another `bptt up` runs in this home
│   ├── DataChanged
│   ├── ContentNeeded         the application lacks files that a grid file names
│   ├── OutOfMemory
│   └── PluginError
│       ├── UnknownPlugin
│       ├── MissingExtra
│       ├── DuplicatePlugin
│       ├── BrokenPlugin
│       ├── PluginChanged
│       └── ContractViolation
├── CheckpointDamaged
├── JournalDamaged
├── DocumentDamaged           a file of a run's folder that is not what was written
├── Unavailable               exit code 75: try again; nothing is lost
│   ├── DatabaseUnavailable
│   ├── StorageUnavailable
│   ├── BrokerUnavailable
│   └── ServerUnavailable
└── TrackingUnavailable
    ├── TrackingMismatch      exit code 2: it is no MLflow, or one of another version
    └── RunUnshippable        MLflow is there; what lies in the folder of this run cannot be sent
"""

import re
from collections.abc import Sequence
from difflib import get_close_matches


class BpttError(Exception):
    """bptt failed."""

    exit_code = 1
    outside = ""
    """What a server tells its clients, if the message is meant for the server's administrator."""


class UserError(BpttError):
    """Something the user can fix."""

    exit_code = 2


class InvalidSpec(UserError):
    """A run file or an override does not describe a run; `faults` holds one line each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = list(faults)


class InvalidSetting(UserError):
    """A BPTT_* variable has a value that cannot work."""


class RunNotFound(UserError):
    """No run, or more than one, has this id."""


class GridNotFound(UserError):
    """No grid, or more than one, has this id or name."""


class TokenNotFound(UserError):
    """No access token, or more than one, has this prefix."""


class UserNotFound(UserError):
    """There is no user of this name."""


class NotAdmitted(UserError):
    """The server does not know who is asking: the token is missing, wrong, expired or revoked."""


class NotAllowed(UserError):
    """The server knows who is asking, but only others may do this."""


class NotPossible(UserError):
    """A run or grid is not in a status in which this can be done."""


class SchemaMismatch(UserError):
    """The database belongs to an older or a newer bptt."""


class TooMuchWork(UserError):
    """A request needs more time or memory than a server allows one, or is one too many."""


class NobodyWaits(UserError):
    """The client of a request is gone, so the request was abandoned."""


class HomeBusy(UserError):
    """Another `bptt up` serves this home."""


class RunBusy(UserError):
    """Another process is training this run."""


class DataChanged(UserError):
    """A run cannot continue, because the data it started with is gone."""


class ContentNeeded(UserError):
    """What the application is missing of a grid's files; clients send it by themselves."""

    def __init__(
        self, names: Sequence[str] = (), hashes: Sequence[str] = (), most: int = 0
    ) -> None:
        # the arguments of a copy, also in another process
        super().__init__(tuple(names), tuple(hashes), most)
        self.names = tuple(names)
        """Paths, as written in the grid, whose hash and size are unknown."""
        self.hashes = tuple(hashes)
        """SHA-256 of contents that have to be sent."""
        self.most = most
        """Bytes a content may have."""

    def __str__(self) -> str:
        if self.names:
            return (
                f"The grid names files: {', '.join(map(repr, self.names))}. No path is opened by a "
                "server: say SHA-256 and size of each in `files`."
            )
        return (
            f"You have not sent the content of {', '.join(self.hashes)} to the server. Send it: "
            "PUT /api/content/SHA256, then ask again."
        )


class OutOfMemory(UserError):
    """A run needs more memory than the machine has."""


class PluginError(UserError):
    """A plugin cannot be used."""


class UnknownPlugin(PluginError):
    """No installed distribution provides a plugin of this name."""

    def __init__(self, kind: str, name: str, installed: Sequence[str]) -> None:
        super().__init__(
            f"Unknown {kind} {quoted(name)}{did_you_mean(name, installed)} "
            f"Installed: {', '.join(sorted(installed)) or 'none'}."
        )
        self.kind, self.name, self.installed = kind, name, sorted(installed)


class MissingExtra(PluginError):
    """A distribution has a plugin of this name only with an extra that is not installed."""

    def __init__(self, kind: str, name: str, distribution: str, extra: str) -> None:
        super().__init__(
            f"The {kind} {name!r} needs packages that are not installed: "
            f"pip install '{distribution}[{extra}]'."
        )


class DuplicatePlugin(PluginError):
    """Two distributions provide one name."""

    def __init__(self, kind: str, name: str, distributions: Sequence[str]) -> None:
        super().__init__(
            f"{len(distributions)} distributions provide the {kind} {name!r}: "
            f"{' and '.join(distributions)}. Uninstall all but one."
        )
        self.kind, self.name, self.distributions = kind, name, list(distributions)


class BrokenPlugin(PluginError):
    """A plugin cannot be imported."""


class PluginChanged(PluginError):
    """A plugin is not what a run is of: another version, or other code."""


class ContractViolation(PluginError):
    """A plugin does not honour its contract."""


class CheckpointDamaged(BpttError):
    """A checkpoint's content does not match its hash."""


class JournalDamaged(BpttError):
    """A line of a run's journal is not what was written; `offset` bytes before it are whole."""

    def __init__(self, message: str, offset: int = 0, reason: str = "") -> None:
        super().__init__(message)
        self.offset = offset
        self.reason = reason
        """What is wrong, without the file's name and what to do."""


class DocumentDamaged(BpttError, ValueError):
    """A JSON file in a run's folder is empty, torn or something else."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        """What is wrong, without the file's name and what to do."""


class Unavailable(BpttError):
    """A service does not answer; nothing is lost, and the same command may be repeated."""

    exit_code = 75


class DatabaseUnavailable(Unavailable):
    """The database of grids and runs does not answer, or its disk is full."""


class StorageUnavailable(Unavailable):
    """The disk that files are stored on is full."""


class BrokerUnavailable(Unavailable):
    """Redis does not answer or rejects us."""


class ServerUnavailable(Unavailable):
    """The team server does not answer."""


class TrackingUnavailable(BpttError):
    """MLflow does not answer; what should go there waits in the run's folder."""


class TrackingMismatch(TrackingUnavailable):
    """This is not MLflow, or its database has another version; the user can fix it."""

    exit_code = 2


class RunUnshippable(TrackingUnavailable):
    """The contents of one run's folder cannot be sent, whatever MLflow does; others can."""


def did_you_mean(got: str, allowed: Sequence[str]) -> str:
    """Return '; did you mean ...?' with the nearest allowed name, or a full stop."""
    # a word of thousands of letters is not one of ours, and would take seconds to compare
    if len(got) > LONGEST_QUOTE:
        return "."
    folded = {name.casefold(): name for name in allowed}
    nearest = get_close_matches(got.casefold(), folded, n=1, cutoff=0.5)
    return f"; did you mean {folded[nearest[0]]!r}?" if nearest else "."


LONGEST_QUOTE = 80
LONGEST_LINE = 2_000
ENDLESS = re.compile(r"\S{1000,}")
"""Length beyond which a text is not a word; paths are shorter."""
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What a terminal obeys instead of showing it; not tabs and line breaks."""


def quoted(text: str) -> str:
    """Return a user's input in quotes, cut to fit a line."""
    shown = repr(text[: LONGEST_QUOTE + 1])
    if len(text) <= LONGEST_QUOTE and len(shown) <= 2 * LONGEST_QUOTE:
        return shown
    return f"{shown[: LONGEST_QUOTE - 3]}...{shown[0]}"


def plain(message: str) -> str:
    """Return a message that any terminal and any encoding can show, cut if it is endless."""
    message = ENDLESS.sub(lambda word: f"{word[0][:LONGEST_QUOTE]}...", message)
    message = CONTROL.sub(lambda found: repr(found[0])[1:-1], message)
    lines = [
        line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 3]}..."
        for line in message.split("\n")
    ]
    return "\n".join(lines).encode("utf-8", "backslashreplace").decode()
