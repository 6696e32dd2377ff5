"""What varies between the points of a grid, and how it names them."""

from collections.abc import Mapping, Sequence
from typing import Any

from bptt.grid_spec import Axis
from bptt.registry import wording
from bptt.run_file.contents import PART, PARTS, Row, SectionContent
from bptt.spec import section_text


def find_axes(
    tables: Mapping[str, Sequence[SectionContent]], rows: Sequence[Row], order: Sequence[str]
) -> tuple[Axis, ...]:
    """Return the axes in the order of the file; an option belongs to the plugins that vary it."""
    axes: list[Axis] = []
    for section in order:
        if section == "seed":
            seeds = tuple(dict.fromkeys(row[-1] for row in rows))
            axes += [Axis("seed", seeds)] if len(seeds) > 1 else []
        elif section in PARTS:
            numbers = dict.fromkeys(row[PART[section]] for row in rows)
            axes += _axes_of(section, [tables[section][number] for number in numbers])
    return tuple(axes)


def _axes_of(section: str, contents: Sequence[SectionContent]) -> list[Axis]:
    by_name: dict[str, list[SectionContent]] = {}
    for content in contents:
        by_name.setdefault(content.branch.name, []).append(content)
    axes = [Axis(section, tuple(by_name))] if len(by_name) > 1 else []
    for name, same in by_name.items():
        given = dict.fromkeys(option for content in same for option in content.places)
        for option in given:
            values = {section_text(c.options[option]): c.shown[option] for c in same}
            if len(values) > 1:
                within = name if len(by_name) > 1 else ""
                axes.append(Axis(f"{section}.{option}", tuple(values.values()), within))
    return axes


class Labels:
    """Names the points of a grid after what they differ in."""

    def __init__(
        self, axes: Sequence[Axis], tables: Mapping[str, Sequence[SectionContent]]
    ) -> None:
        self._tables = tables
        self._by_section: dict[str, list[Axis]] = {}
        for axis in axes:
            self._by_section.setdefault(axis.path.partition(".")[0], []).append(axis)
        paths = dict.fromkeys(axis.path for axis in axes)
        endings = [path.rpartition(".")[2] for path in paths]
        # the last word is enough if only one section has it
        self._short = {
            p: e if endings.count(e) == 1 else p for p, e in zip(paths, endings, strict=True)
        }
        self._known: dict[tuple[str, int], dict[str, Any]] = {}
        self._configs: dict[Row, str] = {}

    def values(self, row: Row) -> dict[str, Any]:
        """Return the point's value on every axis it lies on, by path."""
        found: dict[str, Any] = {}
        for section in self._by_section:
            if section == "seed":
                found["seed"] = row[-1]
                continue
            key = section, row[PART[section]]
            if key not in self._known:
                self._known[key] = self._of(section, self._tables[section][key[1]])
            found |= self._known[key]
        return found

    def _of(self, section: str, content: SectionContent) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for axis in self._by_section[section]:
            option = axis.path.partition(".")[2]
            if not option:
                found[axis.path] = content.branch.name
            elif axis.within in ("", content.branch.name):
                found[axis.path] = content.shown[option]
        return found

    def config(self, row: Row) -> str:
        """Return what points that differ only in their seed have in common: `lstm lr=0.003`."""
        if row[:-1] not in self._configs:
            values = self.values(row).items()
            named = [self._word(path, value) for path, value in values if path != "seed"]
            self._configs[row[:-1]] = " ".join(named)
        return self._configs[row[:-1]]

    def _word(self, path: str, value: Any) -> str:
        text = value if isinstance(value, str) else wording.show(value).removesuffix(".0")
        return f"{self._short[path]}={text}" if "." in path else text
