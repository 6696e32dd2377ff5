"""A clipper that fails; tests install it as a stranger's distribution."""

import errno
import os
import time
from typing import Annotated

import torch

from bptt.contracts import Clipper, ClipReport, Gt, joint_norm


class Faulty(Clipper):
    """Changes nothing, until it does what it is told to.

    Args:
        at: call from which on.
        what: raise, no_room, memory, hog, sleep, exit, kill or segfault; creep: take a tenth of a
            second for each update while the file that FAULTY_GO names is not there.
    """

    def __init__(self, *, at: Annotated[int, Gt(0)] = 1, what: str = "raise") -> None:
        self.at, self.what = at, what

    def initial_state(self, parameters):
        return {"calls": torch.zeros(())}

    def clip(self, gradients, parameters, state):
        calls = state["calls"] + 1
        if calls >= self.at:
            self._act()
        norm = joint_norm(gradients)
        one = torch.ones_like(norm)
        report = ClipReport(norm, norm, one, torch.tensor(False), one * torch.inf)
        return gradients, {"calls": calls}, report

    def _act(self):
        if self.what == "creep":
            if not os.path.exists(os.environ["FAULTY_GO"]):
                time.sleep(0.1)
            return
        if self.what == "raise":
            raise RuntimeError("the clipper has had enough")
        if self.what == "no_room":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.what == "memory":
            torch.ones(10**10)
        if self.what == "hog":
            held = []
            # touched, and so taken, until the system ends this
            while True:
                held.append(torch.ones(10**7))
        if self.what == "sleep":
            time.sleep(1000)
        if self.what == "exit":
            os._exit(0)
        os.kill(os.getpid(), 11 if self.what == "segfault" else 9)
