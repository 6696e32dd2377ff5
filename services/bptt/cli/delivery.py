"""Delivers what a command trained to MLflow, and says where it is."""

import shlex
import shutil
import sys
from types import TracebackType
from typing import Self

import click
from rich.console import Console

from bptt import tracking
from bptt.errors import TrackingUnavailable
from bptt.run_folder import RunFolder
from bptt.settings import Settings
from bptt.shipping.beside import ShipperBeside

WAIT = 120.0
"""Seconds to wait at the end for a server that takes what it is sent."""
WAIT_WHEN_DOWN = 3.0
WAIT_WHEN_STOPPED = 10.0
WAIT_FOR_EARLIER = 30.0
"""Seconds spent on what earlier commands could not deliver; the rest is left to the next one."""


class Delivery:
    """Ships runs from another process while they train, and what is left when the block ends.

    Raises:
        InvalidSetting: what BPTT_MLFLOW_URL names will never take a run.
    """

    def __init__(self, settings: Settings, quiet: bool) -> None:
        self._settings = settings
        self._target = tracking.target_of(settings)
        self._hindrance = ""
        """Why nothing can be sent, as far as was known before anything was trained."""
        try:
            if tracking.check_target(settings) == "down":
                self._hindrance = f"MLflow at {self._target.uri} does not answer."
        except TrackingUnavailable as error:
            # a database of another version, which can be fixed while this trains
            self._hindrance = str(error)
        self._shipper: ShipperBeside | None = None
        self._added: set[str] = set()
        self._console = Console(stderr=True, quiet=quiet, highlight=False)

    def __enter__(self) -> Self:
        return self

    def add(self, folder: RunFolder) -> None:
        """Ship this folder from now on; a second time changes nothing."""
        if folder.run_id in self._added:
            return
        self._added.add(folder.run_id)
        # made with the first folder: nothing is written before
        self._shipper = self._shipper or ShipperBeside(self._settings)
        self._shipper.add(folder)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shipper is None:
            return
        wait = WAIT_WHEN_STOPPED if error else WAIT
        try:
            with self._console.status("sending to MLflow"):
                delivered, left = self._shipper.drain(
                    WAIT_WHEN_DOWN if self._hindrance else wait,
                    earlier=0.0 if error else WAIT_FOR_EARLIER,
                )
        except KeyboardInterrupt:
            delivered, left = False, 0
        finally:
            self._shipper.close()
        self._tell(delivered, left)

    def _tell(self, delivered: bool, left: int) -> None:
        quiet = self._console.quiet
        if delivered and not quiet:
            where = self._settings.mlflow_url or f"open it with: {_ui_command(self._settings)}"
            click.echo(f"The runs are in MLflow; {where}", err=True)
        elif delivered:
            return
        else:
            click.echo(
                f"Warning: {self._trouble()} Nothing is lost; send it later with: bptt ship",
                err=True,
            )
        if left and not quiet:
            click.echo(f"{left} earlier runs are not in MLflow yet; send them: bptt ship", err=True)

    def _trouble(self) -> str:
        if self._hindrance:
            return self._hindrance
        trouble = self._shipper.why if self._shipper else None
        return f"{trouble or 'not everything is in MLflow yet'}.".replace("..", ".")


def _ui_command(settings: Settings) -> str:
    """Return what to type to see these runs: this program, with this home."""
    program = sys.argv[0]
    if shutil.which("bptt"):
        program = "bptt"
    elif program.endswith("__main__.py"):
        program = f"{sys.executable} -m bptt"
    is_default = settings.home == Settings().home.expanduser()
    home = "" if is_default else f"BPTT_HOME={shlex.quote(str(settings.home))} "
    return f"{home}{program} ui"
