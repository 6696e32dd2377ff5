import pytest

from bptt import registry

CELLS = ", ".join(sorted(registry.discover("cell")))

LEAST = "task: adding\ncell: lstm\n"
LSTM_OPTIONS = "biases, forget_bias, input_std, recurrent_gain, recurrent_init, spectral_radius"
PARTS = "task, cell, clipper, model, optimizer, training, statistics, seed"
SECTIONS = (
    "name, project, task, cell, clipper, model, optimizer, training, statistics, evaluation, seed, "
    "seeds, include, exclude"
)
SEEDS = "3: seeds must be how many seeds, an integer > 0 and < 9223372036854775808, or a list of "
EXAMPLE = "for example exclude: [{cell: rnn, optimizer.lr: 1e-2}]."

ONE_FAULT = {
    "a value of an axis": (
        LEAST + "optimizer:\n  lr:\n    - 1e-3\n    - fast\n",
        "6: optimizer.lr must be a number > 0 and <= 1000000.0, got 'fast'.",
    ),
    "a value that stands twice": (
        LEAST + "optimizer: {lr: [1e-3, 0.001]}",
        "3: optimizer.lr holds 0.001 twice.",
    ),
    "an integer that equals a number": (
        LEAST + "clipper: {name: global_norm, max_norm: [1.0, 1]}",
        "3: clipper.max_norm holds 1 twice.",
    ),
    "a plugin that stands twice": (
        "task: adding\ncell: [rnn, rnn]\n",
        "2: cell holds 'rnn' twice: both are equal once every default is filled in.",
    ),
    "a plugin twice, once with its default": (
        "task: adding\ncell:\n  - lstm\n  - {name: lstm, recurrent_gain: 1}\n",
        "4: cell holds 'lstm' twice, first in grid.yaml:3: both are equal once every default is "
        "filled in.",
    ),
    "a section that stands twice": (
        LEAST + "model:\n  - {layers: 1}\n  - {}\n",
        "5: model holds the same options twice, first in grid.yaml:4: both are equal once every "
        "default is filled in.",
    ),
    "an empty axis": (
        LEAST + "optimizer: {lr: []}",
        "3: optimizer.lr is an empty list: give at least one value.",
    ),
    "a list in a list": (
        LEAST + "optimizer: {lr: [[1e-3], 3e-3]}",
        "3: optimizer.lr is a list in a list: an axis is one list of values.",
    ),
    "a list of plugins in a list": (
        "task: adding\ncell: [rnn, [lstm, gru]]\n",
        "2: cell is a list in a list: an axis is one list of values.",
    ),
    "a mapping for a value": (
        LEAST + "training: {steps: [5, {at: 3}]}",
        "3: training.steps must be a single value, got a mapping.",
    ),
    "an unknown plugin of an axis": (
        "task: adding\ncell:\n  - rnn\n  - lstmm\n",
        f"4: Unknown cell 'lstmm'; did you mean 'lstm'? Installed: {CELLS}.",
    ),
    "an option axis of another plugin": (
        "task: adding\ncell:\n  - rnn\n  - {name: lstm, nonlinearity: [tanh, relu]}\n",
        f"4: cell.nonlinearity is not an option of the cell 'lstm'. Allowed: {LSTM_OPTIONS}.",
    ),
    "an option axis that one of two plugins does not take": (
        "task: adding\ncell:\n  name: [rnn, lstm]\n  nonlinearity: [tanh, relu]\n",
        f"4: cell.nonlinearity is not an option of the cell 'lstm'. Allowed: {LSTM_OPTIONS}.",
    ),
    "options that a cell refuses together": (
        "task: adding\ncell:\n  name: lstm\n  biases: [0, 1]\n  forget_bias: [null, 1, 3]\n",
        "5: cell.forget_bias needs a bias, got biases = 0.",
    ),
    "a model that one of two tasks refuses": (
        "task: [adding, agreement]\ncell: [rnn, lstm]\nmodel:\n  bidirectional: [false, true]\n",
        "4: model.bidirectional does not work with the causal task 'agreement': the backward cell "
        "would read the very inputs the model has to predict.",
    ),
    "no seeds": (LEAST + "seeds: 0", SEEDS + "seeds, got 0."),
    "more seeds than there are": (LEAST + f"seeds: {10**30}", SEEDS + f"seeds, got {10**30}."),
    "seeds that are a truth value": (LEAST + "seeds: true", SEEDS + "seeds, got true."),
    "seeds that are a mapping": (LEAST + "seeds: {a: 1}", SEEDS + "seeds, got a mapping."),
    "a seed that stands twice": (LEAST + "seeds: [1, 2, 1]", "3: seeds holds 1 twice."),
    "a negative seed": (
        LEAST + "seeds: [1, -2]",
        "3: seeds must be an integer >= 0 and < 9223372036854775808, got -2.",
    ),
    "seed next to seeds": (
        LEAST + "seed: 1\nseeds: 3\n",
        "4: seeds stands next to seed: leave one of them out.",
    ),
    "a list of names": (
        LEAST + "name: [a, b]",
        "3: name must be one text for the whole grid, got a list.",
    ),
    "an unknown section": (
        LEAST + "sedes: 3",
        f"3: 'sedes' is not a section of a grid file; did you mean 'seeds'? Allowed: {SECTIONS}.",
    ),
    "too many points": (
        LEAST + "optimizer: {lr: [1e-3, 3e-3]}\nseeds: 5000000\n",
        ": 10,000,000 points (axes: 2 optimizer.lr x 5,000,000 seeds), at most 1,000,000. "
        "Split the grid.",
    ),
    "too many points of a list of plugins": (
        "task: adding\ncell: [rnn, {name: lstm, forget_bias: [0, 3]}]\nseeds: 400000\n",
        ": 1,200,000 points (axes: 3 cell x 400,000 seeds), at most 1,000,000. Split the grid.",
    ),
    "a grid of nothing": (
        LEAST + "seeds: 3\nexclude:\n  - {seed: [0, 1]}\n  - {seed: 2}\n",
        "4: exclude leaves none of the 3 points: grid.yaml:5 drops 2, grid.yaml:6 drops 1.",
    ),
    "an exclude that is no list": (
        LEAST + "exclude: {cell: rnn}",
        f"3: exclude must be a list of points, {EXAMPLE}",
    ),
    "an exclude of nothing": (
        LEAST + "exclude: [{}]",
        f"3: exclude must list points as mappings, {EXAMPLE}",
    ),
    "an exclude by an unknown section": (
        LEAST + "exclude: [{optimizr.lr: 1}]",
        "3: 'optimizr' is not a section of a grid file; did you mean 'optimizer'? "
        f"Allowed: {PARTS}.",
    ),
    "an exclude by a name": (
        LEAST + "exclude: [{name: x}]",
        f"3: 'name' does not tell points apart. Allowed: {PARTS}.",
    ),
    "an exclude by a section": (
        LEAST + "exclude: [{model: 3}]",
        "3: model is a whole section; name an option of it, as in model.x.",
    ),
    "an exclude by an unknown option": (
        LEAST + "exclude: [{optimizer.lrr: 1}]",
        "3: optimizer.lrr is not an option of any point; did you mean 'lr'? "
        "Allowed: beta1, beta2, eps, lr, weight_decay.",
    ),
    "an exclude by an unknown cell": (
        LEAST + "exclude:\n  - cell: lstmm\n",
        f"4: cell.name must be one of {CELLS}, got 'lstmm'; did you mean 'lstm'?",
    ),
    "an exclude by a value that cannot be": (
        LEAST + "exclude: [{optimizer.lr: fast}]",
        "3: optimizer.lr must be a number > 0 and <= 1000000.0, got 'fast'.",
    ),
    "an include of an unknown section": (
        LEAST + "include: [{foo: 1}]",
        f"3: 'foo' is not a section of a grid file. Allowed: {SECTIONS}.",
    ),
    "an include of a name": (
        LEAST + "include: [{name: x}]",
        "3: 'name' does not tell points apart.",
    ),
    "an include of a wrong value": (
        LEAST + "include:\n  - {cell: gru}\n  - {cell: gru, training.steps: -1}\n",
        "5: training.steps must be an integer >= 0 and <= 2000000000, got -1.",
    ),
    "an include that is not finite": (
        LEAST + "include: [{optimizer.lr: .nan}]",
        "3: include[0].optimizer.lr must be finite, got .nan.",
    ),
    "an include of a point that is there": (
        "task: adding\ncell: [rnn, lstm]\nseeds: 2\ninclude:\n  - {cell: gru}\n"
        "  - {cell: lstm, seed: 1}\n",
        "6: include adds a point that is there already: point 3 (cell=lstm, seed=1).",
    ),
    "points that a default makes equal": (
        "task: agreement\ncell: lstm\nmodel:\n  embedding_size: [null, 16]\n",
        "4: points 0 and 1 are equal once every default is filled in: model.embedding_size=null "
        "and model.embedding_size=16.",
    ),
}


@pytest.mark.parametrize(("content", "fault"), ONE_FAULT.values(), ids=ONE_FAULT.keys())
def test_fault_is_told_in_one_line_with_the_line_of_the_file(faults_of, content, fault):
    where = "grid.yaml" if fault.startswith(":") else "grid.yaml:"

    assert faults_of(content) == [where + fault]


OVERRIDES = {
    "a value of an axis": (
        "optimizer.lr=[1e-3, fast]",
        "optimizer.lr must be a number > 0 and <= 1000000.0, got 'fast'.",
    ),
    "a list without its end": (
        "optimizer.lr=[1e-3,3e-3",
        "optimizer.lr is not YAML: expected ',' or ']', but got '<stream end>'.",
    ),
    "a value in a mapping that is not finite": (
        "cell=[rnn,{name: lstm, forget_bias: [0, .inf]}]",
        "cell[1].forget_bias[1] must be finite, got .inf.",
    ),
    "a key that stands twice": (
        "model={layers: 2, layers: 3}",
        "model.layers is given twice.",
    ),
    "an option that one of two cells refuses": (
        "cell.forget_bias=[0,3]",
        "cell.forget_bias needs a gate with role 'keep' or 'write', and this cell has none.",
    ),
}


@pytest.mark.parametrize(("override", "fault"), OVERRIDES.values(), ids=OVERRIDES.keys())
def test_fault_of_an_override_cites_the_override(faults_of, override, fault):
    content = "task: adding\ncell: [rnn, lstm]\n"

    assert faults_of(content, override) == [f"--set {override}: {fault}"]


def test_faults_of_all_values_and_points_are_told_at_once_in_the_order_of_the_file(faults_of):
    content = "\n".join(
        [
            "task:",
            "  name: adding",
            "  variant: [arjovsky, hs97]",
            "  length:",
            "    - 5",
            "    - 30",
            "    - 1",
            "cell: [rnn, {name: lstm, forget_bais: [0, 1]}]",
            "optimizer: {lr: [0, quick]}",
            "include: [{cell: grru}]",
            "exclude: [{seed: -1}]",
        ]
    )

    faults = faults_of(content, "model.layers=[1,0]")

    assert [fault.split(": ")[0] for fault in faults] == [
        "grid.yaml:7",
        "grid.yaml:8",
        "grid.yaml:9",
        "grid.yaml:9",
        "grid.yaml:10",
        "grid.yaml:11",
        "--set model.layers=[1,0]",
    ]


def test_constructors_and_values_are_told_together_where_nothing_is_excluded(faults_of):
    content = "task: {name: adding, variant: [arjovsky, hs97], length: 19}\ncell: lstm\n"

    faults = faults_of(content + "optimizer: {lr: -1}\n")

    assert faults == [
        "grid.yaml:1: task.length must be at least 20 for variant 'hs97', got 19.",
        "grid.yaml:3: optimizer.lr must be a number > 0 and <= 1000000.0, got -1.",
    ]


def test_exclude_saves_a_grid_from_options_that_do_not_go_together(grid_of):
    content = (
        "task: [adding, agreement]\ncell: lstm\nmodel: {bidirectional: [false, true]}\n"
        "exclude: [{task: agreement, model.bidirectional: true}]\n"
    )

    assert [run.config for run in grid_of(content)] == [
        "adding bidirectional=false",
        "adding bidirectional=true",
        "agreement bidirectional=false",
    ]


def test_points_that_a_faulty_exclude_meant_are_not_told(faults_of):
    content = (
        "task: adding\ncell: {name: lstm, biases: [0, 1], forget_bias: [null, 1]}\n"
        "exclude: [{cell.biases: 0, cell.forget_bias: one}]\n"
    )

    assert faults_of(content) == [
        "grid.yaml:3: cell.forget_bias must be a number >= -100 and <= 100, 'chrono' or null, "
        "got 'one'."
    ]


def test_exclude_that_matches_no_point_is_noted(grid_of):
    grid = grid_of(LEAST + "seeds: 2\nexclude:\n  - {seed: 1}\n  - {seed: 7}\n")

    assert grid.notes == ("grid.yaml:6: exclude matches no point.",)
    assert len(grid) == 1


def test_exclude_of_what_an_override_replaced_is_noted_and_no_fault(grid_of):
    content = (
        "task: adding\ncell: [rnn, lstm]\nexclude:\n  - {cell: rnn, cell.nonlinearity: tanh}\n"
    )

    grid = grid_of(content, "cell=lstm")

    assert grid.notes == ("grid.yaml:4: exclude matches no point.",)
