"""Points of several grids are matched by what they are, apart from what their grids call them."""

import json

import pytest

from bptt.comparison.facets import facets_of
from bptt.comparison.matching import GridToMatch, together
from bptt.comparison.point import ComparedPoint
from bptt.comparison.table import compare
from bptt.records.contents import WholeConfiguration, WholePoint
from bptt.spec import Choice, RunSpec, identity_of

HASH = "sha256:" + "ab" * 32
PLUGINS = {"task:latch": "bptt 1.0", "cell:gru": "bptt 1.0", "clipper:none": "bptt 1.0"}


def spec_of(cell="gru", task=("latch", {}), **sections):
    name, options = task
    cell = Choice(name=cell) if isinstance(cell, str) else Choice(**cell)
    text = RunSpec(task=Choice(name=name, options=options), cell=cell).canonical()
    found = json.loads(text)
    for section, values in sections.items():
        found[section] = found.get(section, {}) | values
    return found


def grid(name, *configurations, seeds=3, version=1):
    """Return a grid of these configurations: (spec, plugins, data), all but the first may lack."""
    points, whole = [], []
    for number, (spec, *rest) in enumerate(configurations):
        plugins, data, files = (*rest, *(PLUGINS, "", {})[len(rest) :])
        text = json.dumps(spec, sort_keys=True, separators=(",", ":"))
        one = WholeConfiguration(text, plugins, data, files)
        for seed in range(seeds):
            canonical = json.dumps(spec | {"seed": seed}, sort_keys=True, separators=(",", ":"))
            result = {
                "outcome": "finished",
                "metric": "accuracy",
                "better": "higher",
                "metrics": {"eval/accuracy": 0.1 * number + 0.01 * seed},
                "step": 10,
            }
            points.append(
                ComparedPoint(
                    # no two grids call anything the same
                    f"{name}{number}",
                    seed,
                    "succeeded",
                    result,
                    spec["task"]["name"],
                    f"{name}-{len(points)}",
                    grids=(name,),
                )
            )
            whole.append(WholePoint(one, identity_of(canonical, plugins, data, version)))
    return GridToMatch(points, whole)


def paths(points):
    return list(dict.fromkeys(path for point in points for path in point.values if path != "seed"))


def values(points, path):
    return {point.grids: point.values.get(path) for point in points}


def test_equal_configurations_are_one_and_their_points_too():
    points = together([grid("a", (spec_of(),), seeds=3), grid("b", (spec_of(),), seeds=5)])

    assert [(one.config, one.seed, one.grids) for one in points] == [
        *(("a0", seed, ("a", "b")) for seed in range(3)),
        *(("a0", seed, ("b",)) for seed in (3, 4)),
    ]
    assert paths(points) == []


def test_paths_are_those_in_which_any_two_differ():
    lstm = spec_of({"name": "lstm", "options": {"forget_bias": 1.0}})
    other = spec_of({"name": "lstm", "options": {"forget_bias": 3.0}}, optimizer={"lr": 0.01})

    points = together([grid("a", (spec_of(),), (lstm,)), grid("b", (other,))])

    assert paths(points) == ["cell", "optimizer.lr", "cell.forget_bias"]
    assert list(dict.fromkeys(point.config for point in points)) == [
        "gru lr=0.001",
        "lstm forget_bias=1 lr=0.001",
        "lstm forget_bias=3 lr=0.01",
    ]


def test_what_a_spec_leaves_out_is_null():
    # as `truncation_every` and `evaluation`, which specs of earlier versions lack
    every = spec_of(training={"truncation_every": 5}, evaluation={"options": {"length": [64]}})

    points = together([grid("a", (spec_of(),)), grid("b", (every,))])

    assert values(points, "training.truncation_every") == {("a",): None, ("b",): 5}
    # what is measured at the end changes nothing of what was trained before
    assert {one.grids: dict(one.measured) for one in points} == {
        ("a",): {"evaluation.length": (("not given", "a"),)},
        ("b",): {"evaluation.length": (("[64]", "b"),)},
    }


def test_a_file_is_shown_by_its_name_and_content():
    text = spec_of(task=("char_lm", {"text": HASH}))
    other = spec_of(task=("char_lm", {"text": HASH.replace("ab", "cd")}))

    points = together(
        [
            grid("a", (text, PLUGINS, "x", {"ab" * 32: "war.txt"})),
            grid("b", (other, PLUGINS, "y", {"cd" * 32: "war.txt"})),
        ]
    )

    assert values(points, "task.text") == {
        ("a",): "war.txt@abababab",
        ("b",): "war.txt@cdcdcdcd",
    }
    assert [facet.problem for facet in facets_of(points)] == [
        "text=war.txt@abababab",
        "text=war.txt@cdcdcdcd",
    ]


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        ("bptt 1.0", "bptt 1.1", ("1.0", "1.1")),
        ("bptt 1.0", "bptt 1.0 code 0123456789abcdef", ("1.0", "1.0+01234567")),
        ("bptt 1.0", "acme 2", ("bptt-1.0", "acme-2")),
    ],
)
def test_another_program_of_a_cell_is_another_configuration(was, now, told):
    points = together(
        [
            grid("a", (spec_of(), PLUGINS | {"cell:gru": was})),
            grid("b", (spec_of(), PLUGINS | {"cell:gru": now})),
        ]
    )

    assert values(points, "cell.program") == dict(zip([("a",), ("b",)], told, strict=True))
    (found,) = compare(points)
    assert [group.config for group in found.groups] == [f"program={one}" for one in told]
    assert found.groups[1].lead is not None
    (note,) = [note for note in found.notes if note.startswith("cell.program differs")]
    assert f"{told[0]} (a) and {told[1]} (b)" in note


def test_only_the_plugin_that_is_another_program_has_one():
    plain = {"task:latch": "bptt 1.0", "clipper:none": "bptt 1.0", "cell:rnn": "bptt 1.0"}
    edited = PLUGINS | {"cell:gru": "bptt 1.0 code 0123456789abcdef"}
    rnn = (spec_of("rnn"), plain)

    points = together([grid("a", (spec_of(),), rnn), grid("b", (spec_of(), edited), rnn)])

    assert len(points) == 9
    assert {point.config for point in points} == {
        "gru program=1.0",
        "gru program=1.0+01234567",
        "rnn",
    }
    assert {point.grids for point in points if point.config == "rnn"} == {("a", "b")}


def test_another_program_of_the_task_is_another_problem():
    points = together(
        [
            grid("a", (spec_of(),), (spec_of("rnn"), PLUGINS | {"cell:rnn": "bptt 1.0"})),
            grid("b", (spec_of(), PLUGINS | {"task:latch": "bptt 1.1"})),
        ]
    )

    first, second = facets_of(points)
    assert (first.title, len(first.points)) == ("latch program=1.0", 6)
    assert (second.title, len(second.points)) == ("latch program=1.1", 3)
    # their seeds are never paired
    assert [one.problem for one in compare(points) if one.problems == 1] == [
        "program=1.0",
        "program=1.1",
    ]
    assert any("a seed need not draw the same" in note for note in compare(points)[1].notes)


def test_other_data_with_equal_options_are_another_problem():
    points = together(
        [grid("a", (spec_of(), PLUGINS, "d" * 64)), grid("b", (spec_of(), PLUGINS, "e" * 64))]
    )

    assert [facet.title for facet in facets_of(points)] == [
        "latch data=dddddddd",
        "latch data=eeeeeeee",
    ]


@pytest.mark.parametrize(("version", "told"), [(2, "version-2"), (9, "unknown")])
def test_what_another_version_trained_is_another_configuration(version, told):
    points = together([grid("a", (spec_of(),)), grid("b", (spec_of(),), version=version)])

    assert values(points, "training.program") == {("a",): "version-1", ("b",): told}


def test_programs_are_never_averaged():
    edited = PLUGINS | {"clipper:none": "bptt 1.0 code 0123456789abcdef"}
    points = together([grid("a", (spec_of(),)), grid("b", (spec_of("rnn"), edited))])

    (found,) = compare(points, by=["cell"])

    assert sorted(group.config for group in found.groups) == [
        "gru program=1.0",
        "rnn program=1.0+01234567",
    ]


def test_what_is_only_measured_sets_no_configuration_apart():
    often, seldom = (spec_of(statistics={"interval": every}) for every in (20, 50))
    first, second = grid("a", (often,), seeds=3), grid("b", (seldom,), seeds=5)
    for point in first.points:
        point.result["metrics"]["flow/slope"] = -0.1
    for point in second.points:
        point.result["metrics"]["test/accuracy_length_64"] = 0.5

    points = together([first, second])
    (comparison,) = compare(points)

    assert [one.grids for one in points] == [("a", "b")] * 3 + [("b",)] * 2
    assert paths(points) == []
    # one run was executed twice, and each execution has figures of its own
    assert {"flow/slope", "test/accuracy_length_64"} <= points[0].figures.keys()
    assert len(comparison.groups) == 1
    (note,) = (one for one in comparison.notes if one.startswith("statistics.interval"))
    assert note.startswith("statistics.interval differs: 20 (a) and 50 (b). It says what is")


def test_names_in_a_table_leave_out_what_all_of_it_have_in_common():
    small, large = ({"hidden_size": size} for size in (8, 16))
    lstm = {"name": "lstm", "options": {}}
    easy, hard = (("latch", {"length": length}) for length in (20, 50))
    first = grid("a", (spec_of(task=easy, model=small),), (spec_of(lstm, easy, model=small),))
    second = grid("b", (spec_of(task=hard, model=large),), (spec_of(lstm, hard, model=large),))

    each = compare(together([first, second]))

    assert [{group.config for group in one.groups} for one in each] == [{"gru", "lstm"}] * 2
    assert [one.common for one in each] == ["hidden_size=8", "hidden_size=16"]
    # a network of another size is another configuration: nothing is over both problems
    assert [one.problems for one in each] == [1, 1]
