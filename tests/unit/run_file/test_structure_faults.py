import pytest

GRID = (
    "is a list, which spans a grid; a run file describes one run: give one value, "
    "and others with --set. See the grid: bptt grid run.yaml"
)
MERGE = (
    "which YAML 1.2 does not have: write the options out, or use a whole section twice with an "
    "anchor (model: &small {...}, then model: *small)."
)
LEAST = "task: adding\ncell: lstm\n"

ONE_FAULT = {
    "NaN in an option": (
        "task: adding\ncell: {name: lstm, forget_bias: .nan}",
        "2: cell.forget_bias must be finite, got .nan.",
    ),
    "infinity in a section": (
        LEAST + "training:\n  max_seconds: .inf",
        "4: training.max_seconds must be finite, got .inf.",
    ),
    "a number beyond any float": (
        LEAST + "optimizer: {lr: 1e999}",
        "3: optimizer.lr must be finite, got 1e999.",
    ),
    "a list in a section": (
        LEAST + "model:\n  hidden_size: [16, 32]",
        f"4: model.hidden_size {GRID}",
    ),
    "a list of plugins": ("task: adding\ncell: [lstm, gru]\n", f"2: cell {GRID}"),
    "a list of seeds": (LEAST + "seed:\n  - 1\n  - 2\n", f"3: seed {GRID}"),
    "a list in an option": (
        LEAST + "clipper:\n  name: global_norm\n  max_norm: [1, 2]",
        f"5: clipper.max_norm {GRID}",
    ),
    "a key given twice": (
        LEAST + "training:\n  steps: 5\n  steps: 6\n",
        "5: training.steps is given twice, first in line 4.",
    ),
    "a section given twice": (LEAST + "cell: gru\n", "3: cell is given twice, first in line 2."),
    "a tag": (
        LEAST + "seed: !!python/object:os.system 1",
        "3: seed has the tag 'tag:yaml.org,2002:python/object:os.system': give the plain value.",
    ),
    "a key that is a list": (
        LEAST + "? [a, b]\n: 1\n",
        "3: the file has a key that is not a word.",
    ),
    **{
        f"a merge key in {path}": (text, f"{line}: {path} holds the merge key <<, {MERGE}")
        for path, line, text in (
            ("training", 4, LEAST + "training:\n  <<: {steps: 5}"),
            ("training", 3, LEAST + "training: {<<: [{steps: 5}, {seed: 3}]}"),
            ("model", 4, LEAST + "training: &a {steps: 5}\nmodel: {<<: *a, layers: 2}"),
            ("clipper", 3, LEAST + "clipper: {name: value, <<: {}}"),
            ("the file", 3, LEAST + "<<: {seed: 1}"),
        )
    },
    "what only looks like a merge key": (
        LEAST + "training: {'<<': 5}",
        "3: training.<< is not an option of training. Allowed: steps, batch_size, truncation, "
        "truncation_every, evaluate_every, evaluation_size, stop_when_solved, max_seconds, "
        "nonfinite, dtype.",
    ),
    "an unknown alias": (LEAST + "seed: *x", "3: seed refers to *x, which nothing before defines."),
    "an alias of itself": (
        LEAST + "model: &a {layers: *a}",
        "3: model.layers refers to *a, which nothing before defines.",
    ),
    "windows that overlap without any": (
        LEAST + "training: {truncation_every: 1}",
        "3: training.truncation_every needs training.truncation, the steps that a loss goes back; "
        "got none.",
    ),
    "windows farther apart than they are long": (
        LEAST + "training:\n  truncation: 5\n  truncation_every: 6\n",
        "5: training.truncation_every must be at most training.truncation (5), got 6.",
    ),
    "windows that overlap in both directions": (
        LEAST + "model: {bidirectional: true}\ntraining: {truncation: 5, truncation_every: 4}",
        "4: training.truncation_every must be training.truncation (5) or left out with "
        "model.bidirectional, got 4: windows that overlap end at other steps in each direction.",
    ),
    "highway bias without highway": (
        LEAST + "model: {highway_bias: -1}",
        "3: model.highway_bias needs model.skip: highway, got skip: none.",
    ),
    "an embedding of real inputs": (
        LEAST + "model:\n  embedding_size: 8",
        "4: model.embedding_size needs a task with tokens; the inputs of 'adding' are real.",
    ),
    "a bidirectional model for a causal task": (
        "task: agreement\ncell: lstm\nmodel:\n  bidirectional: true",
        "4: model.bidirectional does not work with the causal task 'agreement': the backward cell "
        "would read the very inputs the model has to predict.",
    ),
    "a skip with nothing to skip": (
        LEAST + "model: {skip: dense}",
        "3: model.skip dense needs at least 2 layers; got 1 layer and an input of 2.",
    ),
    "options that a cell refuses together": (
        "task: adding\ncell:\n  name: lstm\n  biases: 0\n  forget_bias: 1\n",
        "5: cell.forget_bias needs a bias, got biases = 0.",
    ),
    "an option too short for another": (
        "task:\n  name: adding\n  variant: hs97\n  length: 19\ncell: lstm\n",
        "4: task.length must be at least 20 for variant 'hs97', got 19.",
    ),
    "a required option that is missing": (
        "task: char_lm\ncell: lstm\n",
        "1: task.text must be given (the path of a file).",
    ),
    "a second document": (
        LEAST + "---\nseed: 1\n",
        "4: a second document begins here, and a run file holds only one.",
    ),
    "a top level that is a list": (
        "- task: adding\n",
        "1: must be a mapping of sections, got a list.",
    ),
    "a top level that is a word": (
        "\nadding\n",
        "2: must be a mapping of sections, got a single value.",
    ),
}


@pytest.mark.parametrize(("content", "fault"), ONE_FAULT.values(), ids=ONE_FAULT.keys())
def test_fault_is_told_in_one_line_with_the_line_of_the_file(faults_of, content, fault):
    where = "run.yaml" if fault.startswith(":") else "run.yaml:"

    assert faults_of(content) == [where + fault]


def test_all_faults_are_told_at_once_in_the_order_of_the_file(faults_of):
    content = "\n".join(
        [
            "task: {name: adding, length: 1}",
            "cell: {name: lstm, forget_bais: 3, recurrent_gain: -1}",
            "clipper: nome",
            "modle: {}",
            "model:",
            "  layers: 0",
            "  highway_bias: .inf",
            "optimizer: {lr: quick, momentum: 1}",
            "training: {steps: 2, steps: 3, batch_size: [1]}",
            "seed: -1",
        ]
    )

    faults = faults_of(content, "statistics.interval=-1", "cell.y=2")

    places = [fault.split(": ")[0] for fault in faults]
    assert places == [
        "run.yaml:1",
        "run.yaml:2",
        "run.yaml:2",
        "run.yaml:3",
        "run.yaml:4",
        "run.yaml:6",
        "run.yaml:7",
        "run.yaml:8",
        "run.yaml:8",
        "run.yaml:9",
        "run.yaml:9",
        "run.yaml:10",
        "--set cell.y=2",
        "--set statistics.interval=-1",
    ]


def test_no_fault_has_a_line_break(faults_of):
    faults = faults_of(LEAST + 'name: "a\\nb"\n"mo\\ndel": 1\n')

    assert len(faults) == 2
    assert not any("\n" in fault for fault in faults)


def test_text_file_with_a_fault_is_told_at_the_option(faults_of, tmp_path):
    (tmp_path / "text.bin").write_bytes(b"\0" * 1000)

    (fault,) = faults_of("cell: lstm\ntask:\n  name: char_lm\n  text: text.bin\n")

    assert fault.startswith("run.yaml:4: task.text must be a text file, got ")


def test_text_too_short_for_the_batch_size_is_told_at_the_option(faults_of, tmp_path):
    (tmp_path / "short.txt").write_text("abcdefghij" * 140)

    (fault,) = faults_of("task: {name: char_lm, text: short.txt}\ncell: lstm\n")

    assert fault.startswith(
        "run.yaml:1: task.text must hold more than batch_size * window = 32 * 64 = 2048"
    )
