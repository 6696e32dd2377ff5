import pytest

LSTM_OPTIONS = "biases, forget_bias, input_std, recurrent_gain, recurrent_init, spectral_radius"
SECTIONS = (
    "name, project, task, cell, clipper, model, optimizer, training, statistics, evaluation, seed"
)
LEAST = "task: adding\ncell: lstm\n"

OVERRIDES = {
    "without a value": ("cell", "must be KEY=VALUE, for example --set training.steps=500."),
    "without a key": ("=3", "must be KEY=VALUE, for example --set training.steps=500."),
    "without an option": ("cell.=3", "must be KEY=VALUE, for example --set training.steps=500."),
    "of an unknown option": (
        "cell.x=1",
        f"cell.x is not an option of the cell 'lstm'. Allowed: {LSTM_OPTIONS}.",
    ),
    "of the wrong type": (
        "training.steps=many",
        "training.steps must be an integer >= 0 and <= 2000000000, got 'many'.",
    ),
    "that is not finite": ("optimizer.lr=.nan", "optimizer.lr must be finite, got .nan."),
    "of an unknown section": (
        "sed=1",
        f"'sed' is not a section of a run file; did you mean 'seed'? Allowed: {SECTIONS}.",
    ),
    "of a part of a value": ("seed.x=1", "seed must be a single value, got a mapping."),
}


@pytest.mark.parametrize(("override", "fault"), OVERRIDES.values(), ids=OVERRIDES.keys())
def test_fault_of_an_override_cites_the_override(faults_of, override, fault):
    assert faults_of("task: adding\ncell: lstm\n", override) == [f"--set {override}: {fault}"]


@pytest.mark.parametrize(
    ("override", "section", "option", "value"),
    [
        ("optimizer.lr=3e-3", "optimizer", "lr", 0.003),
        ("training.max_seconds=null", "training", "max_seconds", None),
        ("model.bidirectional=true", "model", "bidirectional", True),
        ("training.steps=7", "training", "steps", 7),
        ("model.skip='none'", "model", "skip", "none"),
    ],
)
def test_override_is_read_as_a_yaml_scalar(read_text, override, section, option, value):
    spec = read_text(LEAST, override).spec

    assert getattr(getattr(spec, section), option) == value


def test_override_of_a_section_replaces_it_with_its_options(read_text):
    spec = read_text("task: adding\ncell: {name: lstm, forget_bias: 3}\n", "cell=rnn").spec

    assert spec.cell.name == "rnn"
    assert spec.cell.options["forget_bias"] is None


def test_override_of_an_option_keeps_the_others(read_text):
    content = "task: adding\ncell: {name: lstm, forget_bias: 3}\n"

    spec = read_text(content, "cell.biases=2").spec

    assert spec.cell.options["biases"] == 2
    assert spec.cell.options["forget_bias"] == 3


def test_override_of_an_option_works_on_a_bare_name(read_text):
    assert read_text(LEAST, "cell.forget_bias=3").spec.cell.options["forget_bias"] == 3


def test_last_of_two_overrides_wins(read_text):
    assert read_text(LEAST, "seed=1", "seed=2").spec.seed == 2


def test_override_does_not_reach_a_section_that_shares_its_mapping(read_text):
    # training would refuse the option
    spec = read_text(LEAST + "model: &shared {}\ntraining: *shared\n", "model.layers=2").spec

    assert spec.model.layers == 2
