"""Deployment values from `BPTT_*` variables; the only reader of the environment."""

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from bptt import setting
from bptt.errors import InvalidSetting, did_you_mean
from bptt.path import read_path

MOST_SLOTS = 1000
SECRET = ("BPTT_TOKEN", "BPTT_TOKEN_FILE")
"""What only clients of a server need, and no program that is started for training."""


def _setting(variable: str, convert: setting.Convert, text: str) -> dict[str, Any]:
    return {"variable": variable, "convert": convert, "text": text}


@dataclass(frozen=True)
class Settings:
    """Where things are on this machine and which services to talk to."""

    home: Path = field(
        default=Path("~/.bptt"),
        metadata=_setting("BPTT_HOME", read_path, "folder of runs, databases and artifacts"),
    )
    server: str = field(
        default="",
        metadata=_setting(
            "BPTT_SERVER",
            setting.url("http", "https", otherwise="Leave it empty to work on this machine."),
            "address of a team's server (http://... or https://...); empty: this machine",
        ),
    )
    token: str = field(
        default="",
        # printing settings must not print secrets
        repr=False,
        metadata=_setting(
            "BPTT_TOKEN",
            setting.read_token,
            "who you are for the server in BPTT_SERVER, if it asks",
        ),
    )
    token_file: str = field(
        default="",
        metadata=_setting(
            "BPTT_TOKEN_FILE", setting.file, "file that holds the token, instead of BPTT_TOKEN"
        ),
    )
    api_tokens: str = field(
        default="optional",
        metadata=_setting(
            "BPTT_API_TOKENS",
            setting.one_of("optional", "required"),
            "who is asked for a token by `bptt api`: required: everybody; optional: everybody but "
            "those on its own machine, at a loopback address",
        ),
    )
    access_log: str = field(
        default="on",
        metadata=_setting(
            "BPTT_ACCESS_LOG",
            setting.one_of("on", "off"),
            "whether `bptt api` writes a line for each request on stderr: when, who, method, path, "
            "status, milliseconds",
        ),
    )
    database_url: str = field(
        default="",
        metadata=_setting(
            "BPTT_DATABASE_URL",
            setting.url(
                *("postgresql+psycopg", "postgresql", "sqlite"),
                otherwise="Leave it empty for the SQLite file in BPTT_HOME.",
            ),
            "database of grids and runs (postgresql://...); empty: SQLite in BPTT_HOME",
        ),
    )
    redis_url: str = field(
        default="",
        metadata=_setting(
            "BPTT_REDIS_URL",
            setting.url(
                *("redis", "rediss", "redis+socket", "unix"),
                otherwise="Leave it empty for the server that `bptt up` starts.",
            ),
            "Redis or Valkey that wakes workers; empty: the one `bptt up` starts",
        ),
    )
    mlflow_url: str = field(
        default="",
        metadata=_setting(
            "BPTT_MLFLOW_URL",
            setting.url(
                *("http", "https"),
                otherwise="Leave it empty to write to the database in BPTT_HOME.",
            ),
            "MLflow server (http://... or https://...); empty: the database in BPTT_HOME itself",
        ),
    )
    mlflow_public_url: str = field(
        default="",
        metadata=_setting(
            "BPTT_MLFLOW_PUBLIC_URL",
            setting.url("http", "https", otherwise="Leave it empty if that is BPTT_MLFLOW_URL."),
            "where browsers find the MLflow of a team's server; empty: at BPTT_MLFLOW_URL",
        ),
    )
    checkpoint_seconds: float = field(
        default=10.0,
        metadata=_setting(
            "BPTT_CHECKPOINT_SECONDS",
            setting.at_least(0),
            "wall time between two checkpoints of a run",
        ),
    )
    slots: int = field(
        default=0,
        metadata=_setting(
            "BPTT_SLOTS",
            setting.count(0, MOST_SLOTS),
            "runs a worker trains at once; 0: one per processor core",
        ),
    )
    lease_seconds: float = field(
        default=90.0,
        metadata=_setting(
            "BPTT_LEASE_SECONDS",
            setting.at_least(1),
            "how long a run stays a silent worker's own; the same on all workers of a database",
        ),
    )
    run_memory_mb: int = field(
        default=0,
        metadata=_setting(
            "BPTT_RUN_MEMORY_MB",
            setting.count(0, 2**30),
            "memory one run may take, in MiB; 0: the machine's, divided by the slots",
        ),
    )
    gpus: str = field(
        default="",
        metadata=_setting(
            "BPTT_GPUS",
            setting.plain,
            "UUIDs of the GPUs a worker's slots may see, in turn, between commas; empty: none",
        ),
    )

    data_file_mb: int = field(
        default=256,
        metadata=_setting(
            "BPTT_DATA_FILE_MB",
            setting.count(1, 2**30),
            "size that a file which a grid names may have, in MiB, where the grid is submitted to",
        ),
    )
    data_quota_mb: int = field(
        default=5120,
        metadata=_setting(
            "BPTT_DATA_QUOTA_MB",
            setting.count(0, 2**30),
            "size of all files of one user together that are kept, in MiB; 0: any",
        ),
    )

    backend: str = field(
        default="auto",
        metadata=_setting(
            "BPTT_BACKEND",
            setting.one_of("auto", "compiled", "sequence", "autograd"),
            "what runs cells over time; auto: the fastest of the others, in this order, that can",
        ),
    )
    kernel_cache: str = field(
        default="",
        metadata=_setting(
            "BPTT_KERNEL_CACHE",
            setting.file,
            "folder of compiled kernels; empty: bptt/kernels in XDG_CACHE_HOME or ~/.cache",
        ),
    )

    @property
    def kernels(self) -> Path:
        """The folder of compiled kernels."""
        if self.kernel_cache:
            return Path(self.kernel_cache)
        caches = os.environ.get("XDG_CACHE_HOME", "")
        # the standard requires ignoring a relative one
        home = Path(caches) if caches.startswith("/") else Path("~/.cache").expanduser()
        return home / "bptt" / "kernels"

    @property
    def compilers(self) -> tuple[str, ...]:
        """C compilers to try, in this order."""
        named = os.environ.get("CC", "").strip()
        return (*([named] if named else []), "cc", "gcc", "clang")

    @property
    def runs(self) -> Path:
        """The folder with one folder per run."""
        return self.home / "runs"

    @property
    def data(self) -> Path:
        """The folder of the contents of files that runs read."""
        return self.home / "data"

    @property
    def database(self) -> str | Path:
        """The database as SQLAlchemy names it; a path is that of an SQLite file."""
        if not self.database_url:
            return self.home / "bptt.db"
        # SQLAlchemy's own default for postgresql:// has changed before
        return self.database_url.replace("postgresql://", "postgresql+psycopg://", 1)


def read_settings(**given: Any) -> Settings:
    """Return the settings of this process; `given` come from the command line and win.

    Raises:
        InvalidSetting: a `BPTT_*` variable is unknown or has an impossible value.
    """
    known = {f.metadata["variable"]: f for f in fields(Settings)}
    values: dict[str, Any] = {"home": Settings.home.expanduser().absolute()}
    for variable, text in os.environ.items():
        if not variable.startswith("BPTT_"):
            continue
        if variable not in known:
            raise InvalidSetting(
                f"Unknown setting {variable}{did_you_mean(variable, list(known))} "
                f"Allowed: {', '.join(sorted(known))}."
            )
        if text != "":
            one = known[variable]
            values[one.name] = one.metadata["convert"](variable, text)
    for name, value in given.items():
        if value is not None:
            one = next(f for f in known.values() if f.name == name)
            convert = one.metadata["convert"]
            values[name] = convert(one.metadata["variable"], str(value))
    return Settings(**values)


def for_child(settings: Settings) -> dict[str, str]:
    """Return an environment in which a program that is started has these settings.

    It has no token: such programs train, ship or serve, and use no server.
    """
    variables = {f.metadata["variable"]: str(getattr(settings, f.name)) for f in fields(Settings)}
    # plugins have no business with the key to a team server
    return {**os.environ, **variables, **dict.fromkeys(SECRET, "")}


def forget_secrets() -> None:
    """Remove from this process's environment what plugins about to be imported need not see."""
    for variable in SECRET:
        os.environ.pop(variable, None)
