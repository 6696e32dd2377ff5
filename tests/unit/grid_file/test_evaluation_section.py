"""`evaluation`: the task's options that a run is measured with; its lists are no axes."""

import pytest

from bptt.errors import InvalidSpec
from bptt.run_file import read_grid_text
from bptt.run_file.memory import Memory

LEAST = "task: latch\ncell: lstm\n"

ONE_FAULT = {
    "an unknown option": (
        LEAST + "evaluation: {lenght: [3]}",
        "3: evaluation.lenght is not an option of the task 'latch'; did you mean 'length'? "
        "Allowed: length, noise.",
    ),
    "an option that one of the tasks lacks": (
        "task: [latch, tickets]\ncell: lstm\nevaluation: {length: 3}",
        "3: evaluation.length is not an option of the task 'tickets'. It takes none.",
    ),
    "a value out of range": (
        LEAST + "evaluation: {length: [5, 1]}",
        "3: evaluation.length must be an integer >= 2, got 1.",
    ),
    "a value that the constructor refuses": (
        "task: {name: adding, variant: pascanu}\ncell: lstm\nevaluation: {length: [20, 5]}",
        "3: evaluation.length must be at least 10 for variant 'pascanu', got 5.",
    ),
    "no value": (
        LEAST + "evaluation: {length: []}",
        "3: evaluation.length is an empty list: give at least one value.",
    ),
    "a value twice": (
        LEAST + "evaluation: {length: [3, 3]}",
        "3: evaluation.length holds 3 twice.",
    ),
    "a mapping": (
        LEAST + "evaluation: {length: {from: 3}}",
        "3: evaluation.length must be a value or a list of values.",
    ),
    "a list of sections": (
        LEAST + "evaluation: [{length: 3}]",
        "3: evaluation must map options of the task to values, as in "
        "evaluation: {length: [64, 256]}, got a list.",
    ),
    "what the model cannot read": (
        "task: copy_memory\ncell: lstm\nevaluation: {symbols: [8, 9]}",
        "3: evaluation: symbols=9 changes what a model of 'copy_memory' reads or predicts (inputs "
        "Tokens(size=11), not Tokens(size=10), output_size 10, not 9); it can only be measured on "
        "what it is made for.",
    ),
    "too many sets": (
        "task: copy_memory\ncell: lstm\n"
        f"evaluation: {{delay: {list(range(1, 12))}, length: [1, 2, 3, 4, 5]}}",
        "3: evaluation spans 55 sets, one for each combination; at most 50.",
    ),
    "an element of exclude": (
        LEAST + "evaluation: {length: 3}\nexclude: [{evaluation.length: 3}]",
        "4: 'evaluation.length' does not tell points apart. Allowed: task, cell, clipper, model, "
        "optimizer, training, statistics, seed.",
    ),
    "an element of include": (
        LEAST + "evaluation: {length: 3}\ninclude: [{evaluation.length: 4}]",
        "4: 'evaluation.length' does not tell points apart.",
    ),
}


@pytest.mark.parametrize(("content", "fault"), ONE_FAULT.values(), ids=ONE_FAULT)
def test_fault_is_told_in_one_line_with_the_line_of_the_file(faults_of, content, fault):
    assert faults_of(content) == [f"grid.yaml:{fault}"]


def test_a_file_is_no_option_to_measure_with(faults_of, tmp_path):
    (tmp_path / "a.txt").write_text("abc" * 1000)

    (fault,) = faults_of("task: {name: char_lm, text: a.txt}\ncell: rnn\nevaluation: {text: a.txt}")

    assert fault == (
        "grid.yaml:3: evaluation.text is a file; a run is measured with the one it is trained on."
    )


def test_every_combination_is_a_set_and_no_list_an_axis(grid_of):
    grid = grid_of(
        "task: copy_memory\ncell: [rnn, lstm]\nevaluation: {length: 3, delay: [1, 20]}\nseeds: 2\n"
    )

    assert [axis.path for axis in grid.spec.axes] == ["cell", "seed"]
    assert len(grid) == 4
    assert grid[3].spec.evaluation.sets() == {
        "delay_1_length_3": {"delay": 1, "length": 3},
        "delay_20_length_3": {"delay": 20, "length": 3},
    }


def test_one_run_may_list_values_and_is_the_point_of_a_grid_with_the_same(grid_of, run_of):
    text = LEAST + "evaluation: {length: [3, 60]}\n"

    run, (point,) = run_of(text), grid_of(text)

    assert run.identity == point.identity == run.spec.identity(run.plugins, run.data)
    assert run.identity != run_of(LEAST).identity
    assert run_of(LEAST, "evaluation.length=[3, 60]").identity == run.identity


def test_identities_by_the_hundred_thousand_know_of_the_section(grid_of):
    grid = grid_of(LEAST + "evaluation: {length: [3, 60]}\nseeds: 3\n")

    assert [entry.identity for entry in grid.entries()] == [point.identity for point in grid]


def test_an_empty_section_changes_no_identity(grid_of):
    for given in ("evaluation: {}\n", "evaluation:\n"):
        assert grid_of(LEAST + given)[0].identity == grid_of(LEAST)[0].identity


def test_longer_sequences_to_measure_count_in_memory_time_and_operations(grid_of):
    plain, longer = grid_of(LEAST), grid_of(LEAST + "evaluation: {length: [500, 2000]}\n")

    taken, more = (grid._estimate.memory(grid._raw[0]) for grid in (plain, longer))
    assert isinstance(more, Memory)
    # tokens and classes of the longer set, the shorter one being gone by then; in float32 the
    # embedded token and both states of every position
    of_set = 512 * (2000 * 8 + 8)
    assert more.evaluation - taken.evaluation == of_set + 512 * (2000 - 50) * 4 * (16 + 2 * 32)
    assert longer.cost_of(0)[1].updates > plain.cost_of(0)[1].updates
    weights = 4 * 32 * (16 + 32 + 1)
    expected = 2 * 512 * (2500 * weights + 2 * 64)
    assert longer.flops_of(0) - plain.flops_of(0) == pytest.approx(expected, rel=0.02)
    assert longer.cost_key_of(0) != plain.cost_key_of(0)


def test_what_nobody_has_room_to_measure_is_refused():
    with pytest.raises(InvalidSpec, match=r"huge.yaml:\d: a run needs about .*evaluation"):
        read_grid_text(LEAST + "evaluation: {length: 10000000000}\n", "huge.yaml")
