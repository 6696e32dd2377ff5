"""`RunSpec`: one validated, frozen description of a run, and its identity; `GridSpec`: many."""

import hashlib
import itertools
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, Field

from bptt.bounds import (
    Bias,
    Count,
    Interval,
    Seconds,
    Sequences,
    Updates,
    Width,
)
from bptt.optimizers import Adam, Optimizer
from bptt.section import Section

EMBEDDING_SIZE, HIGHWAY_BIAS = 16, -2.0
"""Defaults: features a token is looked up as, and bias of highway gates."""


class Choice(Section):
    """A plugin by name, with every option it takes."""

    name: str
    options: Mapping[str, Any] = {}


class ModelSpec(Section):
    """The network around the cell: embedding or input, layers, read-out."""

    hidden_size: Width = 32
    """Features of each state, per direction."""
    layers: Annotated[int, Gt(0), Le(1000)] = 1
    """Recurrent layers on top of each other."""
    bidirectional: bool = False
    """A second cell per layer reads the sequence backwards."""
    skip: Literal["none", "residual", "dense", "highway"] = "none"
    """How the input of a layer bypasses the cell."""
    highway_bias: Bias | None = None
    """Bias of the highway gate (skip: highway only); negative: carry the input; default -2."""
    embedding_size: Width | None = None
    """Features a token is looked up as (only tasks with tokens); default 16."""


class TrainingSpec(Section):
    """How long and on what a run trains."""

    steps: Updates = 1000
    """Optimiser updates at most; 0: measure the network as it is initialised, and train nothing."""
    batch_size: Sequences = 32
    """Sequences per update."""
    truncation: Count | None = None
    """Truncated BPTT: the gradient goes back at most this many steps; null: all the way. Disjoint
    windows, counted from the end of each sequence: a loss there sees exactly this many steps."""
    # left out if null, so that earlier runs keep their identity
    truncation_every: Count | None = Field(default=None, exclude_if=lambda every: every is None)
    """Steps from one window of truncated BPTT to the next (k1 of k1, k2 in the literature), at most
    `truncation` (k2); null: equal to it, so windows are disjoint. If smaller, they overlap, and
    every loss sees between truncation - truncation_every + 1 and truncation steps; with 1, exactly
    truncation. An update takes up to 1 + truncation / truncation_every times as long."""
    evaluate_every: Count = 100
    """Updates between evaluations."""
    evaluation_size: Sequences = 512
    """Sequences per evaluation set."""
    stop_when_solved: bool = True
    """Stop as soon as an evaluation satisfies the task's solved rule."""
    max_seconds: Seconds | None = None
    """Wall time after which the run ends, checked at each update; null: no limit."""
    nonfinite: Literal["raise", "skip", "zero"] = "raise"
    """On a NaN or infinite gradient: end as diverged, skip the update, or zero those elements."""
    dtype: Literal["float32", "float64"] = "float32"
    """Type of parameters and states."""

    @property
    def overlap(self) -> int | None:
        """Steps from one window of truncated BPTT to the next; None: they do not overlap."""
        every = self.truncation_every
        return None if every is None or every == self.truncation else every

    def fault_of_windows(self, bidirectional: bool) -> str | None:
        """Return what is wrong with `truncation_every`, to be told behind its name, if anything is.

        Args:
            bidirectional: whether the model is.
        """
        if self.overlap is None:
            return None
        if self.truncation is None:
            return "needs training.truncation, the steps that a loss goes back; got none."
        if self.overlap > self.truncation:
            return f"must be at most training.truncation ({self.truncation}), got {self.overlap}."
        if bidirectional:
            return (
                f"must be training.truncation ({self.truncation}) or left out with "
                f"model.bidirectional, got {self.overlap}: windows that overlap end at other steps "
                "in each direction."
            )
        return None


JACOBIAN_BYTES = 2**26
"""Memory for the step Jacobians of one cell; of longer sequences only the last steps are used."""


class StatisticsSpec(Section):
    """Which gradient statistics are taken, and how often."""

    interval: Interval | None = None
    """Updates between probes of the gradient through time; 0: no statistics, Jacobians included;
    default: a 25th of `training.steps`, at least 100 and at most 1000."""
    sequences: Sequences = 8
    """Sequences of the fixed probe batch."""
    anchors: Count = 8
    """Positions t whose loss is traced back for the lag curve (tasks that read every step)."""
    jacobian_interval: Interval = 2000
    """Updates between measurements of step Jacobians, their product and the Lyapunov exponents,
    which cost more; also at the first and last probe; 0: never."""
    lyapunov_exponents: Width = 4
    """Leading Lyapunov exponents."""


class EvaluationSpec(Section):
    """Other options of the task with which a run is measured, too, once, at its end.

    Never trained on: lengths beyond that of training, for example.
    """

    MOST: ClassVar[int] = 50
    """Sets at most."""

    options: Mapping[str, tuple[Any, ...]] = {}
    """The values of each option; every combination is a set."""

    def sets(self) -> dict[str, dict[str, Any]]:
        """Return the options of each set by its name, which is made of them: `length_256`."""
        names = sorted(self.options)
        combinations = itertools.product(*(self.options[name] for name in names))
        chosen = [dict(zip(names, values, strict=True)) for values in combinations]
        return {name_of_set(options): options for options in chosen if options}


def name_of_set(options: Mapping[str, Any]) -> str:
    """Return what a set with these options is called, within the name of a metric."""
    words = [f"{name}_{_word(value)}" for name, value in options.items()]
    # what MLflow allows in a metric's name, but for the stroke
    return re.sub(r"[^A-Za-z0-9_.-]", "-", "_".join(words))


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


class RunSpec(Section):
    """Everything that determines a run's result, except what the plugins are and their data."""

    VERSION: ClassVar[int] = 1
    TRUNCATED_VERSION: ClassVar[int] = 2
    """For runs with `training.truncation`, whose windows were once counted from the beginning."""

    task: Choice
    cell: Choice
    clipper: Choice = Choice(name="none")
    model: ModelSpec = ModelSpec()
    optimizer: Optimizer = Adam()
    training: TrainingSpec = TrainingSpec()
    statistics: StatisticsSpec = StatisticsSpec()
    # left out if empty, as in `join_sections`, so that earlier runs keep their identity
    evaluation: EvaluationSpec = Field(
        default=EvaluationSpec(), exclude_if=lambda given: not given.options
    )
    seed: Annotated[int, Ge(0), Lt(2**63)] = 0
    """One integer, from which the streams for weights, data and evaluation derive."""

    @property
    def probe_interval(self) -> int:
        """Updates between probes; 0: none are taken."""
        interval = self.statistics.interval
        return default_interval(self.training.steps) if interval is None else interval

    def __hash__(self) -> int:
        return hash(self.canonical())

    def canonical(self) -> str:
        """Return the spec as JSON with sorted keys: equal specs, equal text."""
        return join_sections({name: section_text(getattr(self, name)) for name in SECTIONS})

    def identity(self, plugin_versions: Mapping[str, str], data: str = "") -> str:
        """Return the hash that is equal for runs with the same result.

        Args:
            plugin_versions: what the task, cell and clipper are; see `PluginCode.text`.
            data: the task's `fingerprint` of data that is not in its options.
        """
        return identity_of(self.canonical(), plugin_versions, data)


def default_interval(steps: int) -> int:
    """Return the default number of updates between probes of a run of this many."""
    # a long run pays no more for statistics than a short one, and a picture has enough columns
    return min(max(steps // 25, 100), 1000)


SECTIONS = tuple(RunSpec.model_fields)  # in the order of a point; the seed is the last


def section_text(content: Any) -> str:
    """Return a section, or a value in one, as JSON with sorted keys: equal content, equal text."""
    plain = content.model_dump(mode="json") if isinstance(content, BaseModel) else content
    return json.dumps(plain, sort_keys=True, separators=(",", ":"))


NO_EVALUATION = section_text(EvaluationSpec())


def join_sections(texts: Mapping[str, str]) -> str:
    """Return the canonical text of a spec from those of its sections."""
    left = [f'"{name}":{texts[name]}' for name in sorted(texts) if texts[name] != NO_EVALUATION]
    return "{" + ",".join(left) + "}"


def identity_of(
    canonical: str, plugin_versions: Mapping[str, str], data: str, version: int | None = None
) -> str:
    """Return the identity of the run with this canonical text; see `RunSpec.identity`.

    Args:
        canonical: text of the spec.
        plugin_versions: what its task, cell and clipper are.
        data: the task's fingerprint.
        version: of what a run does; None: the present one.
    """
    if version is None:
        version = version_of(json.loads(canonical)["training"])
    content = json.dumps([version, canonical, dict(sorted(plugin_versions.items())), data])
    return hashlib.sha256(content.encode()).hexdigest()


def version_of(training: Mapping[str, Any]) -> int:
    """Return the version of what a run does, which is part of its identity.

    Args:
        training: the section of that name, as plain content.
    """
    truncated = training.get("truncation") is not None
    return RunSpec.TRUNCATED_VERSION if truncated else RunSpec.VERSION
