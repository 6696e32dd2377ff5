import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptt.errors import InvalidSpec
from bptt.run_file import read_grid_file

LEAST = "task: adding\ncell: lstm\n"

# by path, in a file that names the plugins of every section
POOL = {
    "task.length": [20, 30, 40],
    "cell.name": ["rnn", "lstm", "gru"],
    "cell.recurrent_gain": [0.5, 1.0, 2.0],
    "clipper.max_norm": [0.5, 1.0, 5.0],
    "optimizer.lr": [0.001, 0.002, 0.003],
    "optimizer.eps": [1e-9, 1e-8],
    "model.layers": [1, 2],
    "training.steps": [3, 4, 5],
    "seed": [0, 3, 1, 2],
}
FIXED = {
    "task.name": "adding",
    "cell.name": "rnn",
    "clipper.name": "global_norm",
    "optimizer.name": "adam",
    "seed": 9,
}


def value_at(spec, path):
    section, _, option = path.partition(".")
    if section == "seed":
        return spec.seed
    content = getattr(spec, section)
    if option == "name" or not hasattr(content, "options"):
        return getattr(content, option)
    return content.options[option]


@st.composite
def grids(draw):
    """Return the options of a file in an order by path, include and exclude."""
    paths = draw(st.lists(st.sampled_from(list(POOL)), unique=True, max_size=4))
    axes = {
        path: draw(st.lists(st.sampled_from(POOL[path]), unique=True, min_size=1, max_size=3))
        for path in paths
    }
    given = {path: [value] for path, value in FIXED.items()} | axes
    sections = draw(st.permutations(list(dict.fromkeys(path.split(".")[0] for path in given))))
    ordered = {
        path: given[path]
        for section in sections
        for path in draw(st.permutations([p for p in given if p.split(".")[0] == section]))
    }
    point = st.dictionaries(st.sampled_from(list(POOL)), st.none(), min_size=1, max_size=2)
    chosen = [
        [
            {path: draw(st.sampled_from(POOL[path])) for path in draw(point)}
            for _ in range(draw(st.integers(0, 2)))
        ]
        for _ in ("include", "exclude")
    ]
    return ordered, *chosen


def as_file(options, include, exclude):
    content = {}
    for path, values in options.items():
        section, dot, option = path.partition(".")
        value = values if len(values) > 1 else values[0]
        if dot:
            content.setdefault(section, {})[option] = value
        else:
            content[section] = value
    content |= {"include": include, "exclude": exclude}
    return json.dumps(content, indent=1)  # JSON is YAML, and keeps the order


def spanned(options):
    """Return the product; within its section a name comes first, wherever it stands."""
    sections = list(dict.fromkeys(path.split(".")[0] for path in options))
    order = sorted(options, key=lambda p: (sections.index(p.split(".")[0]), ".name" not in p))
    options = {path: options[path] for path in order}
    return [
        dict(zip(options, values, strict=True)) for values in itertools.product(*options.values())
    ]


def expected_points(options, include, exclude):
    points = [
        point
        for point in spanned(options)
        if not any(
            # what the file does not give can be excluded by its default
            all(point.get(path, DEFAULTS.get(path)) == value for path, value in dropped.items())
            for dropped in exclude
        )
    ]
    for added in include:
        points += spanned(options | {path: [value] for path, value in added.items()})
    return points


DEFAULTS = {
    "task.length": 50,
    "cell.recurrent_gain": 1.0,
    "clipper.max_norm": 1.0,
    "optimizer.lr": 0.001,
    "optimizer.eps": 1e-8,
    "model.layers": 1,
    "training.steps": 1000,
}


@settings(max_examples=120, deadline=None)
@given(grids())
def test_points_are_the_product_less_exclude_plus_include_in_order(tmp_path_factory, grid):
    path = tmp_path_factory.getbasetemp() / "grid.yaml"
    path.write_text(as_file(*grid))
    expected = [DEFAULTS | point for point in expected_points(*grid)]
    distinct = {json.dumps(point, sort_keys=True) for point in expected}

    if not expected or len(distinct) < len(expected):
        with pytest.raises(InvalidSpec, match="leaves none" if not expected else "there already"):
            read_grid_file(path)
        return
    points = read_grid_file(path).spec.points

    assert len(points) == len(expected)
    assert [
        {path: value_at(spec, path) for path in point}
        for spec, point in zip(points, expected, strict=True)
    ] == expected


def configs(grid):
    return [(run.config, run.spec.seed) for run in grid]


def test_last_list_of_the_file_varies_fastest(grid_of):
    grid = grid_of(
        "seeds: 2\ncell: [rnn, {name: lstm, forget_bias: [0, 3]}]\ntask: {name: adding}\n"
        "optimizer: {lr: [1e-3, 3e-3]}\n"
    )

    assert configs(grid) == [
        (f"{cell} lr={lr}", seed)
        for seed in (0, 1)
        for cell in ("rnn", "lstm forget_bias=0", "lstm forget_bias=3")
        for lr in (0.001, 0.003)
    ]


def test_override_makes_an_axis_at_the_place_of_what_it_replaces(grid_of):
    content = "task: adding\ncell: lstm\nseeds: 2\n"

    grid = grid_of(content, "cell=[rnn, {name: lstm, forget_bias: [0, 3]}]", "seeds=[5, 4]")

    assert configs(grid) == [
        (cell, seed)
        for cell in ("rnn", "lstm forget_bias=0", "lstm forget_bias=3")
        for seed in (5, 4)
    ]


def test_override_of_an_option_reaches_every_element_of_a_list(grid_of):
    content = "task: adding\ncell: [gru, {name: lstm, forget_bias: 3}]\n"

    grid = grid_of(content, "cell.recurrent_gain=2")

    assert [spec.cell.options["recurrent_gain"] for spec in grid.spec.points] == [2.0, 2.0]
    assert [spec.cell.options["forget_bias"] for spec in grid.spec.points] == [None, 3.0]


@pytest.mark.parametrize(
    ("content", "overrides", "seeds"),
    [
        ("", [], [0]),
        ("seed: 3", [], [3]),
        ("seed: [3, 1]", [], [3, 1]),
        ("seeds: 3", [], [0, 1, 2]),
        ("seeds: [7, 2]", [], [7, 2]),
        ("seeds: 3", ["seed=5"], [5]),
        ("seed: 3", ["seeds=2"], [0, 1]),
    ],
)
def test_seeds_are_a_number_of_them_or_a_list(grid_of, content, overrides, seeds):
    grid = grid_of(LEAST + content, *overrides)

    assert [spec.seed for spec in grid.spec.points] == seeds


def test_list_of_mappings_changes_options_together(grid_of):
    grid = grid_of(LEAST + "model: [{layers: 1, hidden_size: 64}, {layers: 2, hidden_size: 32}]\n")

    assert [run.config for run in grid] == ["layers=1 hidden_size=64", "layers=2 hidden_size=32"]


def test_include_may_return_what_exclude_dropped(grid_of):
    grid = grid_of(
        "task: adding\ncell: [rnn, lstm]\noptimizer: {lr: [1e-3, 3e-3]}\n"
        "exclude: [{cell: rnn}]\ninclude: [{cell: rnn, optimizer.lr: 3e-3}]\n"
    )

    assert [run.config for run in grid] == ["lstm lr=0.001", "lstm lr=0.003", "rnn lr=0.003"]


def test_include_of_a_list_adds_all_it_spans(grid_of):
    grid = grid_of(LEAST + "seeds: 2\ninclude: [{cell: [rnn, gru], optimizer: {lr: 3e-3}}]\n")

    assert configs(grid) == [
        ("lstm lr=0.001", 0),
        ("lstm lr=0.001", 1),
        ("rnn lr=0.003", 0),
        ("rnn lr=0.003", 1),
        ("gru lr=0.003", 0),
        ("gru lr=0.003", 1),
    ]


@pytest.mark.parametrize(
    "exclude",
    [
        "{cell: lstm}",
        "{cell.name: lstm}",
        "{cell: {name: lstm}}",
        "{cell.forget_bias: [0, 3]}",
        "{cell.forget_bias: 3}, {cell.forget_bias: 0.0}",
    ],
)
def test_exclude_says_a_point_in_several_ways(grid_of, exclude):
    content = "task: adding\ncell: [rnn, {name: lstm, forget_bias: [0, 3]}]\nseeds: 2\n"

    grid = grid_of(content + f"exclude: [{exclude}]\n")

    assert {spec.cell.name for spec in grid.spec.points} == {"rnn"}


def test_axes_are_what_differs_between_points(grid_of):
    grid = grid_of(
        "task: adding\ncell: [rnn, {name: lstm, forget_bias: [0, 3]}]\n"
        "optimizer: {lr: [1e-3]}\nseeds: 2\ninclude: [{cell: gru}]\n"
    )

    assert [(axis.path, axis.values, axis.within) for axis in grid.spec.axes] == [
        ("cell", ("rnn", "lstm", "gru"), ""),
        ("cell.forget_bias", (0.0, 3.0), "lstm"),
        ("seed", (0, 1), ""),
    ]
    assert dict(grid[0].values) == {"cell": "rnn", "seed": 0}
    assert dict(grid[3].values) == {"cell": "lstm", "cell.forget_bias": 0.0, "seed": 1}


@pytest.mark.parametrize(
    ("content", "name", "project"),
    [
        ("name: clipping\n", "clipping", "adding"),
        ("project: lab\n", "grid", "lab"),
        ("", "grid", "adding"),
    ],
)
def test_grid_is_named_after_its_file_and_its_task(grid_of, content, name, project):
    spec = grid_of(LEAST + content).spec

    assert (spec.name, spec.project) == (name, project)


def test_grid_of_several_tasks_is_a_project_of_its_own(grid_of):
    assert grid_of("task: [adding, latch]\ncell: rnn\nname: both\n").spec.project == "both"
