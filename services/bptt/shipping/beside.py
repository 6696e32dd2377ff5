"""The process that sends to MLflow what a command trains, beside the command's own.

Importing mlflow takes a second of an interpreter, and sending takes its share: in a thread, both
came out of training. Started as `python -m bptt.shipping.beside`, it takes orders as lines of JSON
from its standard input and answers those of `drain`; when the input ends, so does it.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

from bptt import tracking
from bptt.errors import RunUnshippable, TrackingUnavailable
from bptt.run_folder import RunFolder
from bptt.settings import Settings, for_child, read_settings
from bptt.shipping.thread import Shipper


class ShipperBeside:
    """Has folders shipped by a process of its own; none of its faults reach the caller.

    Args:
        settings: which MLflow, and which home.
    """

    def __init__(self, settings: Settings) -> None:
        self.why = ""
        """Why something was not sent, as far as `drain` has found out."""
        self._process: subprocess.Popen[str] | None = None
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bptt.shipping.beside"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=for_child(settings),
                # Ctrl-C is meant for training, which then has the rest sent
                start_new_session=True,
            )
        except OSError as error:
            self.why = f"what sends to MLflow cannot be started: {error}"

    def add(self, folder: RunFolder) -> None:
        """Ship this folder from now on, first at once."""
        self._order({"add": str(folder.path)})

    def drain(self, timeout: float, earlier: float = 0.0) -> tuple[bool, int]:
        """Send what is left once training is over.

        Args:
            timeout: seconds to wait for it at most.
            earlier: seconds to spend then on what earlier commands could not send.

        Returns:
            Whether MLflow now has everything that is committed, and how many earlier runs it lacks.
        """
        self._order({"drain": timeout, "earlier": earlier})
        answer = self._answer()
        if answer is None:
            self.why = self.why or "what sends to MLflow has ended"
            return False, 0
        self.why = str(answer["why"])
        return bool(answer["delivered"]), int(answer["left"])

    def close(self) -> None:
        """End it; what was not sent stays in the folders."""
        if self._process is None:
            return
        with self._process as process:
            # what it was sending is sent again by the next one
            process.terminate()

    def _order(self, order: dict[str, Any]) -> None:
        try:
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.write(json.dumps(order) + "\n")
                self._process.stdin.flush()
        except OSError:
            # it has ended, which `drain` reports
            return

    def _answer(self) -> dict[str, Any] | None:
        if self._process is None or self._process.stdout is None:
            return None
        line = self._process.stdout.readline()
        return dict(json.loads(line)) if line.endswith("\n") else None


def serve(orders: IO[str], answers: IO[str], settings: Settings) -> None:
    """Ship what the orders say, until they end."""
    shipper = Shipper(tracking.target_of(settings))
    for line in orders:
        order = json.loads(line)
        if "add" in order:
            shipper.add(RunFolder(Path(order["add"])))
            continue
        delivered, left = shipper.drain(order["drain"]), 0
        if delivered and order["earlier"]:
            left = send_earlier(settings, order["earlier"])
        answer = {"delivered": delivered, "left": left, "why": shipper.why}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def send_earlier(settings: Settings, seconds: float) -> int:
    """Send what earlier commands left behind; return how many runs still wait."""
    target, until = tracking.target_of(settings), time.monotonic() + seconds
    waiting, damaged = tracking.unshipped(settings.runs), 0
    while waiting and time.monotonic() < until:
        folder = waiting.pop(0)
        try:
            # whether another process is training it right now is unknown here
            tracking.ship(folder, target)
        except RunUnshippable:
            damaged += 1
        except TrackingUnavailable:
            return len(waiting) + damaged + 1
    return len(waiting) + damaged


def main() -> None:
    """Take orders from the standard input."""
    serve(sys.stdin, sys.stdout, read_settings())


if __name__ == "__main__":
    main()
