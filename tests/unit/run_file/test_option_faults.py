import pytest

from bptt import registry
from bptt.optimizers import OPTIMIZERS

CELLS = ", ".join(sorted(registry.discover("cell")))

LSTM_OPTIONS = "biases, forget_bias, input_std, recurrent_gain, recurrent_init, spectral_radius"
SECTIONS = (
    "name, project, task, cell, clipper, model, optimizer, training, statistics, evaluation, seed"
)
LEAST = "task: adding\ncell: lstm\n"

ONE_FAULT = {
    "an unknown section": (
        LEAST + "modle: {layers: 2}",
        f"3: 'modle' is not a section of a run file; did you mean 'model'? Allowed: {SECTIONS}.",
    ),
    "an option without its section": (
        "steps: 5\n" + LEAST,
        "1: 'steps' is not a section of a run file; did you mean 'training.steps'? "
        f"Allowed: {SECTIONS}.",
    ),
    "an unknown option of a cell": (
        "task: adding\ncell:\n  name: lstm\n  forget_bais: 3\n",
        "4: cell.forget_bais is not an option of the cell 'lstm'; did you mean 'forget_bias'? "
        f"Allowed: {LSTM_OPTIONS}.",
    ),
    "an option of a plugin without any": (
        LEAST + "clipper: {name: none, max_norm: 1}",
        "3: clipper.max_norm is not an option of the clipper 'none'. It takes none.",
    ),
    "an unknown option of a section": (
        LEAST + "training:\n  stesp: 5\n",
        "4: training.stesp is not an option of training; did you mean 'steps'? Allowed: steps, "
        "batch_size, truncation, truncation_every, evaluate_every, evaluation_size, "
        "stop_when_solved, max_seconds, nonfinite, dtype.",
    ),
    "an option of another optimizer": (
        LEAST + "optimizer: {name: adam, momentum: 0.9}",
        "3: optimizer.momentum is not an option of the optimizer 'adam', but of 'momentum'. "
        "Allowed: lr, beta1, beta2, eps, weight_decay.",
    ),
    "an unknown cell": (
        "task: adding\ncell: lstmm\n",
        f"2: Unknown cell 'lstmm'; did you mean 'lstm'? Installed: {CELLS}.",
    ),
    "an unknown clipper": (
        LEAST + "clipper: global\n",
        "3: Unknown clipper 'global'; did you mean 'global_norm'? "
        "Installed: agc, global_norm, none, value.",
    ),
    "an unknown optimizer": (
        LEAST + "optimizer: adan\n",
        f"3: Unknown optimizer 'adan'; did you mean 'adam'? Allowed: {', '.join(OPTIMIZERS)}.",
    ),
    "a plugin section without a name": (
        "task: adding\ncell:\n  forget_bias: 3\n",
        f"2: cell.name is missing. Installed: {CELLS}.",
    ),
    "a section that is missing": (
        "task: adding\n",
        f": cell is missing. Installed: {CELLS}.",
    ),
    "a plugin name that is a number": (
        "task: adding\ncell: {name: 3}\n",
        "2: cell.name must be a text, got 3.",
    ),
    "a plugin section that is a number": (
        LEAST + "clipper: 1.0",
        "3: clipper must be a name or a mapping, got 1.0.",
    ),
    "a section that is a name": (
        LEAST + "model: large",
        "3: model must be a mapping, got 'large'.",
    ),
    "text for a number": (
        LEAST + "optimizer:\n  lr: fast",
        "4: optimizer.lr must be a number > 0 and <= 1000000.0, got 'fast'.",
    ),
    "a quoted number": (
        LEAST + "training: {steps: '100'}",
        "3: training.steps must be an integer >= 0 and <= 2000000000, got '100'.",
    ),
    "a fraction for a count": (
        LEAST + "training: {steps: 1.5}",
        "3: training.steps must be an integer >= 0 and <= 2000000000, got 1.5.",
    ),
    "a truth value for a count": (
        LEAST + "model: {layers: true}",
        "3: model.layers must be an integer > 0 and <= 1000, got true.",
    ),
    "the yes of YAML 1.1": (
        LEAST + "model: {bidirectional: yes}",
        "3: model.bidirectional must be true or false, got 'yes'.",
    ),
    "nothing for a count": (
        LEAST + "model:\n  layers:\n",
        "4: model.layers must be an integer > 0 and <= 1000, got null.",
    ),
    "a mapping for a value": (
        LEAST + "training: {steps: {at: 3}}",
        "3: training.steps must be a single value, got a mapping.",
    ),
    "a negative size": (
        LEAST + "model: {hidden_size: -4}",
        "3: model.hidden_size must be an integer > 0 and <= 16384, got -4.",
    ),
    "a size of zero": (
        LEAST + "training: {batch_size: 0}",
        "3: training.batch_size must be an integer > 0 and <= 1000000, got 0.",
    ),
    "a fraction out of range": (
        LEAST + "optimizer: {name: adam, beta1: 1}",
        "3: optimizer.beta1 must be a number >= 0 and < 1, got 1.",
    ),
    "windows at every step of none": (
        LEAST + "training: {truncation: 5, truncation_every: 0}",
        "3: training.truncation_every must be an integer > 0 and <= 2000000000 or null, got 0.",
    ),
    "a negative seed": (
        LEAST + "seed: -1",
        "3: seed must be an integer >= 0 and < 9223372036854775808, got -1.",
    ),
    "an option of a plugin out of range": (
        LEAST + "clipper: {name: global_norm, max_norm: 0}",
        "3: clipper.max_norm must be a number > 0, got 0.",
    ),
    "a word that is none of the allowed": (
        LEAST + "model: {skip: residul}",
        "3: model.skip must be 'none', 'residual', 'dense' or 'highway', got 'residul'; "
        "did you mean 'residual'?",
    ),
    "a name that is no text": (
        LEAST + "name: 12",
        "3: name must be a text of 1 to 100 printable characters (in quotes, if it "
        "looks like a number), not blank, without / and \\ and not beginning with -, got 12.",
    ),
    "an empty project": (
        LEAST + "project: ''",
        "3: project must be a text of 1 to 100 printable characters (in quotes, if it "
        "looks like a number), not blank, without / and \\ and not beginning with -, got ''.",
    ),
}


@pytest.mark.parametrize(("content", "fault"), ONE_FAULT.values(), ids=ONE_FAULT.keys())
def test_fault_is_told_in_one_line_with_the_line_of_the_file(faults_of, content, fault):
    where = "run.yaml" if fault.startswith(":") else "run.yaml:"

    assert faults_of(content) == [where + fault]


@pytest.mark.parametrize(
    ("content", "meant"),
    [
        ("task: adding\ncell: LSTM", "lstm"),
        ("task: adding\ncell: {name: Lstm}", "lstm"),
        ("task: Adding\ncell: lstm", "adding"),
        (LEAST + "clipper: GLOBAL-NORM", "global_norm"),
        (LEAST + "optimizer: {name: ADAM}", "adam"),
        (LEAST + "model: {skip: Residual}", "residual"),
        (LEAST + "model: {HIDDEN_SIZE: 3}", "hidden_size"),
        (LEAST + "clipper: {name: global_norm, Max_Norm: 1}", "max_norm"),
        (LEAST + "Training: {steps: 3}", "training"),
    ],
)
def test_a_word_in_other_letters_is_told_with_the_right_one(faults_of, content, meant):
    (fault,) = faults_of(content)

    assert f"did you mean '{meant}'?" in fault


@pytest.mark.parametrize("key", ["name", "project"])
def test_what_could_be_mistaken_for_something_else_is_no_name(faults_of, key):
    for given in ("' '", "'\u3000'", "-x", "ada/latch", "'a\\b'", "a" * 101, "'a\u202eb'", "'-'"):
        (fault,) = faults_of(LEAST + f"{key}: {given}")
        assert fault.startswith(f"run.yaml:3: {key} must be "), given


def test_a_fault_repeats_a_long_value_only_in_part(faults_of):
    (fault,) = faults_of(LEAST + f"training: {{steps: {'x' * 100_000}}}")

    assert len(fault) < 200
