"""Deployment values from `BPTT_*` variables; the only reader of the environment."""

import os
from dataclasses import dataclass, field, fields
from pathlib import Path

from bptt.errors import InvalidSetting, did_you_mean


def _setting(variable: str, text: str) -> dict[str, str]:
    return {"variable": variable, "text": text}


@dataclass(frozen=True)
class Settings:
    """Where things lie on this machine and which services to talk to."""

    home: Path = field(
        default=Path("~/.bptt"),
        metadata=_setting("BPTT_HOME", "folder of runs, databases and artifacts"),
    )
    mlflow_url: str = field(
        default="",
        metadata=_setting(
            "BPTT_MLFLOW_URL",
            "MLflow server (http://... or https://...); empty: the database in BPTT_HOME itself",
        ),
    )
    checkpoint_seconds: float = field(
        default=10.0,
        metadata=_setting("BPTT_CHECKPOINT_SECONDS", "wall time between two checkpoints of a run"),
    )

    @property
    def runs(self) -> Path:
        """The folder with one folder per run."""
        return self.home / "runs"


def read_settings() -> Settings:
    """Return the settings of this process.

    Raises:
        InvalidSetting: a `BPTT_*` variable is unknown or has an impossible value.
    """
    known = {f.metadata["variable"]: f for f in fields(Settings)}
    given = {name: value for name, value in os.environ.items() if name.startswith("BPTT_")}
    values: dict[str, object] = {}
    for variable, text in given.items():
        if variable not in known:
            raise InvalidSetting(
                f"Unknown setting {variable}{did_you_mean(variable, list(known))} "
                f"Allowed: {', '.join(sorted(known))}."
            )
        if text != "":
            values[known[variable].name] = _convert(variable, text)
    home = Path(str(values.pop("home", Settings.home))).expanduser().absolute()
    return Settings(home=home, **values)  # type: ignore[arg-type]


def _convert(variable: str, text: str) -> object:
    if variable == "BPTT_CHECKPOINT_SECONDS":
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds < float("inf"):
            raise InvalidSetting(f"{variable} must be a number of seconds >= 0, got {text!r}.")
        return seconds
    if variable == "BPTT_MLFLOW_URL" and not text.startswith(("http://", "https://")):
        raise InvalidSetting(
            f"{variable} must start with http:// or https://, got {text!r}. "
            "Leave it empty to write to the database in BPTT_HOME."
        )
    return text
