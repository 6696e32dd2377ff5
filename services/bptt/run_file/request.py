"""What a file asks for: a run, or a grid of runs."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, overload

from bptt import registry
from bptt.content import NamedContent
from bptt.grid_spec import GridSpec
from bptt.registry import Plugin, PluginCode
from bptt.run_file.axes import Labels
from bptt.run_file.consistency import Trial
from bptt.run_file.contents import PART, PARTS, Row, SectionContent
from bptt.run_file.cost import Cost
from bptt.run_file.cost_key import COUNTING, join_shapes, shape_text
from bptt.run_file.estimate import CostEstimate
from bptt.run_file.identification import identify
from bptt.spec import RunSpec, identity_of


@dataclass(frozen=True)
class RunRequest:
    """One run that somebody asks for."""

    spec: RunSpec
    """Complete: every option of every plugin with its value."""
    name: str
    """The run's name for people; need not be unique."""
    project: str
    """Runs of one project are compared with each other."""
    plugins: Mapping[str, str]
    """What each plugin is, see `PluginCode.text`: `cell:lstm` -> `bptt 0.1.0`."""
    code: Mapping[str, str]
    """Digests of the files of those of its grid that are not as released, by `PluginCode.files`."""
    data: str
    """The task's fingerprint of data that is not in its options."""
    identity: str
    """Equal for two requests with the same result."""
    values: Mapping[str, Any]
    """Its values in its grid, by the path of each axis; empty for a run file."""
    config: str
    """The same without the seed, in words: the name of a mean over seeds."""
    cost_key: str
    """Requests with equal keys cost the same."""
    files: Mapping[str, NamedContent]
    """Contents that its file names, by the path as written there."""


class PointEntry(NamedTuple):
    """What distinguishes the points of one configuration, and what they have in common."""

    config: str
    seed: int
    name: str
    identity: str


class GridRequest(Sequence[RunRequest]):
    """A grid that somebody asks for; each of its requests is made when accessed.

    Args:
        spec: the grid itself.
        raw: its rows before models were completed.
        tables: the contents of every section, before models were completed.
        trial: the result of constructing each plugin once.
        run_name: the name of every run, if not its differences from others.
        notes: not faults, but probably not intended, one line each.
        files: contents that it names, by the path as written in the file.
    """

    def __init__(
        self,
        spec: GridSpec,
        raw: Sequence[Row],
        tables: Mapping[str, Sequence[SectionContent]],
        trial: Trial,
        run_name: str | None,
        notes: Sequence[str],
        files: Mapping[str, NamedContent],
    ) -> None:
        self.spec = spec
        self.files = dict(files)
        self.notes = tuple(notes)
        self._raw = raw
        self._tables = tables
        self._run_name = run_name
        self._labels = Labels(spec.axes, tables)
        self._estimate = CostEstimate(trial, tables)
        self._data = {number: task.fingerprint() for number, task in trial.tasks.items()}
        self._plugins: dict[Row, Mapping[str, str]] = {}
        self._code: dict[Plugin, PluginCode] = {}
        self._shapes = {name: _shapes(name, spec.points.sections[name]) for name in COUNTING}
        self._keys: dict[tuple[str, ...], str] = {}
        self._groups: Sequence[tuple[int, int]] | None = None

    def __len__(self) -> int:
        return len(self._raw)

    @overload
    def __getitem__(self, position: int) -> RunRequest: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[RunRequest]: ...
    def __getitem__(self, position: int | slice) -> RunRequest | Sequence[RunRequest]:
        numbers = range(len(self))[position]
        if isinstance(numbers, range):
            return [self._request(number) for number in numbers]
        return self._request(numbers)

    def entries(self) -> Iterator[PointEntry]:
        """Yield the entry of every point, faster than by making its request."""
        identities: dict[Row, Callable[[int], str]] = {}
        points = self.spec.points
        for number, (raw, row) in enumerate(zip(self._raw, points.rows, strict=True)):
            if (identity := identities.get(row[:-1])) is None:
                data = self._data[raw[PART["task"]]]
                identity = identify(points, number, self._plugins_of(number), data)
                identities[row[:-1]] = identity
            config, seed = self._labels.config(raw), row[-1]
            yield PointEntry(config, seed, self._name(config, number, seed), identity(seed))

    def earlier_identities(self) -> dict[str, str]:
        """Return the identities earlier versions gave points that read files, by present identity.

        To them a file was its path. If the client has given the path, and their runs had the same
        data, what they trained is the same run.
        """
        paths = {one.reference: one.path for one in self.files.values() if one.path}
        if not paths:
            return {}
        points = self.spec.points
        known: dict[Row, Callable[[int], str]] = {}
        found = {}
        rows = zip(self.entries(), self._raw, points.rows, strict=True)
        for number, (entry, raw, row) in enumerate(rows):
            if (identity := known.get(row[:-1])) is None:
                data = self._data[raw[PART["task"]]]
                plugins = self._plugins_of(number)
                identity = known[row[:-1]] = identify(points, number, plugins, data, paths)
            found[entry.identity] = identity(entry.seed)
        return found

    def _name(self, config: str, number: int, seed: int) -> str:
        if self._run_name:
            return self._run_name
        what = "-".join(config.split())
        if not what:
            spec = self.spec.points[number]
            what = f"{spec.cell.name}-{spec.task.name}"
        return f"{what}-s{seed}"

    def groups(self) -> Sequence[tuple[int, int]]:
        """Return the first of the points that differ only in their seed, and their number.

        A grid of a million seeds is one group: costs are counted per group.
        """
        if self._groups is None:
            first: dict[Row, int] = {}
            sizes: Counter[Row] = Counter()
            for number, row in enumerate(self.spec.points.rows):
                first.setdefault(row[:-1], number)
                sizes[row[:-1]] += 1
            self._groups = [(number, sizes[row]) for row, number in first.items()]
        return self._groups

    def flops_of(self, number: int) -> float:
        """Return the most floating-point operations of one point, counted as in `estimate`."""
        return self._estimate.flops(self._raw[number])

    def steps_of(self, number: int) -> int:
        """Return the most updates of one point."""
        return self._estimate.sizes(self._raw[number]).training.steps

    def cost_of(self, number: int) -> tuple[str, Cost]:
        """Return the cell of one point and the most that the point takes."""
        raw = self._raw[number]
        cell = self._tables["cell"][raw[PART["cell"]]].branch.name
        return cell, self._estimate.cost(raw)

    def _request(self, number: int) -> RunRequest:
        spec, plugins = self.spec.points[number], self._plugins_of(number)
        data = self._data[self._raw[number][PART["task"]]]
        config = self._labels.config(self._raw[number])
        return RunRequest(
            spec=spec,
            name=self._name(config, number, spec.seed),
            project=self.spec.project,
            plugins=plugins,
            code=self.code,
            data=data,
            identity=identity_of(self.spec.points.canonical(number), plugins, data),
            values=self._labels.values(self._raw[number]),
            config=config,
            cost_key=self.cost_key_of(number),
            files=self.files,
        )

    @cached_property
    def code(self) -> Mapping[str, str]:
        """Digests of the files of its plugins that are not as released."""
        branches = (content.branch for kind in PLUGINS for content in self._tables[kind])
        plugins = {branch.plugin for branch in branches if branch.plugin is not None}
        return {f: digest for one in plugins for f, digest in self._look(one).files.items()}

    def _plugins_of(self, number: int) -> Mapping[str, str]:
        chosen = self._raw[number][: len(PLUGINS)]
        if chosen not in self._plugins:
            self._plugins[chosen] = {
                section: self._look(plugin).text for section, plugin in self._named(number)
            }
        return self._plugins[chosen]

    def _named(self, number: int) -> Iterator[tuple[str, Plugin]]:
        for kind, content in zip(PLUGINS, self._raw[number][: len(PLUGINS)], strict=True):
            branch = self._tables[kind][content].branch
            if branch.plugin is not None:
                yield f"{branch.section}:{branch.name}", branch.plugin

    def _look(self, plugin: Plugin) -> PluginCode:
        # once for each: all points are of one moment
        if plugin not in self._code:
            self._code[plugin] = registry.code_of(plugin)
        return self._code[plugin]

    def cost_key_of(self, number: int) -> str:
        """Return the key that a point shares with those that cost the same."""
        row = self.spec.points.rows[number]
        data = self._data[self._raw[number][PART["task"]]]
        texts = tuple(self._shapes[name][row[PART[name]]] for name in COUNTING)
        if texts not in self._keys:
            parts = dict(zip(COUNTING, texts, strict=True))
            task, cell = (self._tables[k][row[PART[k]]].branch.name for k in ("task", "cell"))
            # the time that an edited plugin took before says most about what it takes now
            plugins = {section: plugin.origin for section, plugin in self._named(number)}
            self._keys[texts] = join_shapes(parts, task, cell, plugins, data)
        return self._keys[texts]


PLUGINS = PARTS[:3]
"""The sections that name a plugin."""


def _shapes(section: str, contents: Sequence[Any]) -> list[str]:
    """Return the text of each content; equal ones are one object, for fast comparison."""
    known: dict[str, str] = {}
    return [known.setdefault(text, text) for text in (shape_text(section, c) for c in contents)]
