"""Training of a run, as a generator of reports; knows torch and no service."""

from collections.abc import Iterator

from bptt.training.reports import UpdateReport
from bptt.training.run import TrainingRun
from bptt.training.threads import prepare_thread

__all__ = ["TrainingRun", "train"]


def train(run: TrainingRun) -> Iterator[UpdateReport]:
    """Train a run and yield a report after every update; none for a run that has ended.

    Between two reports the run is in a state that `TrainingRun.state_dict` captures; the caller
    may checkpoint there, or stop.
    """
    prepare_thread()
    while run.outcome is None:
        yield run.advance()
