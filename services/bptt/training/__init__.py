"""Training of a pack of runs, as a generator of reports; knows torch and no service."""

from collections.abc import Iterator, Sequence

from bptt.training.reports import Outcome, Report
from bptt.training.run import TrainingRun
from bptt.training.threads import prepare_thread

__all__ = ["Outcome", "Report", "TrainingRun", "prepare_thread", "train"]


def train(pack: Sequence[TrainingRun]) -> Iterator[Report]:
    """Train the runs of a pack by turns and yield a report after every update of each.

    Between two reports every run is in a state that `TrainingRun.state_dict` captures; whoever
    iterates may checkpoint there, or stop. A run never sees its mates: alone or in any pack it
    gives the same bits, and one that ends or diverges leaves the others going.
    """
    prepare_thread()
    alive = [run for run in pack if run.outcome is None]
    while alive:
        for run in alive:
            yield run.advance()
        alive = [run for run in alive if run.outcome is None]
