"""A clipper that tells, independently of all bookkeeping, who made which update and when."""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

SOURCE = '''
import os
import re
import time

import torch

from bptt.contracts import Clipper, ClipReport, joint_norm

OWNER = re.compile(r"/runs/([^/]+)/a([0-9]+)/log.txt$")


class Witnessed(Clipper):
    """No clipping; every update is told to a file that no other code writes.

    Args:
        folder: of the witness log, and of the file that says how long an update takes.
    """

    def __init__(self, *, folder: str) -> None:
        self.folder = folder

    def initial_state(self, parameters):
        return {"updates": torch.zeros((), dtype=torch.int64)}

    def clip(self, gradients, parameters, state):
        update = int(state["updates"]) + 1
        # the log of an attempt tells which one this is
        owner = OWNER.search(os.readlink("/proc/self/fd/1"))
        if owner:
            self.tell(owner[1], owner[2], update)
        norm = joint_norm(gradients)
        report = ClipReport(norm, norm, torch.ones_like(norm), norm < 0, norm + torch.inf)
        return gradients, {"updates": torch.tensor(update)}, report

    def tell(self, run, attempt, update):
        with open(os.path.join(self.folder, "pause")) as file:
            time.sleep(float(file.read() or 0))
        line = f"{time.time():.6f} {run} {attempt} {os.getpid()} {update}\\n"
        log = os.open(os.path.join(self.folder, "witness.log"), os.O_WRONLY | os.O_APPEND)
        try:
            os.write(log, line.encode())
        finally:
            os.close(log)
'''


def install(site: Path, log: Path, pause: float) -> None:
    """Write the plugin's distribution into `site`, to be put on PYTHONPATH, and an empty log."""
    info = site / "bptt_witness-1.0.dist-info"
    info.mkdir(parents=True)
    info.joinpath("METADATA").write_text("Name: bptt-witness\nVersion: 1.0\n")
    entry = "[bptt.clippers]\nwitnessed = bptt_witness:Witnessed\n"
    info.joinpath("entry_points.txt").write_text(entry)
    site.joinpath("bptt_witness.py").write_text(SOURCE)
    log.mkdir()
    log.joinpath("witness.log").touch()
    set_pause(log, pause)


def set_pause(log: Path, seconds: float) -> None:
    """Let every update from now on take this much longer."""
    temporary = log / ".pause"
    temporary.write_text(str(seconds))
    temporary.replace(log / "pause")


@dataclass(frozen=True)
class Update:
    """One line of the witness log."""

    at: float
    attempt: int
    pid: int
    update: int


def read(log: Path) -> dict[str, list[Update]]:
    """Return what was witnessed of every run, in the order of time."""
    found = defaultdict(list)
    for line in (log / "witness.log").read_text().splitlines():
        if re.fullmatch(r"[\d.]+ \S+ \d+ \d+ \d+", line):
            at, run, attempt, pid, update = line.split()
            found[run].append(Update(float(at), int(attempt), int(pid), int(update)))
    return {run: sorted(updates, key=lambda u: u.at) for run, updates in found.items()}
