import pytest

BASE = "task: {name: adding, length: 30}\ncell: {name: lstm, forget_bias: 1}\nmodel: {layers: 2}\n"

SAME = {
    "seed": "seed=7",
    "learning rate": "optimizer.lr=0.5",
    "constant of the optimiser": "optimizer.beta1=0.5",
    "clipper": "clipper=global_norm",
    "constant of the clipper": "clipper={name: value, clip_value: 3}",
    "scale of the initial weights": "cell.recurrent_gain=2",
    "kind of the initial weights": "cell.recurrent_init=orthogonal",
    "forget bias": "cell.forget_bias=chrono",
    "project": "project=other",
}
OTHER = {
    "task": "task=latch",
    "length": "task.length=31",
    "variant of the task": "task.variant=hs97",
    "cell": "cell=gru",
    "number of biases": "cell.biases=2",
    "hidden size": "model.hidden_size=33",
    "layers": "model.layers=1",
    "direction": "model.bidirectional=true",
    "skip": "model.skip=residual",
    "optimiser": "optimizer=sgd",
    "updates": "training.steps=999",
    "batch size": "training.batch_size=8",
    "type": "training.dtype=float64",
    "truncation": "training.truncation=5",
    "overlap of windows": "training={truncation: 5, truncation_every: 1}",
    "times of evaluation": "training.evaluate_every=50",
    "times of probes": "statistics.interval=50",
}


@pytest.mark.parametrize("override", SAME.values(), ids=SAME.keys())
def test_runs_of_equal_shapes_cost_the_same(run_of, override):
    assert run_of(BASE, override).cost_key == run_of(BASE).cost_key


@pytest.mark.parametrize("override", OTHER.values(), ids=OTHER.keys())
def test_runs_of_other_shapes_or_times_are_not_taken_to_cost_the_same(run_of, override):
    assert run_of(BASE, override).cost_key != run_of(BASE).cost_key


def test_points_of_a_grid_have_the_keys_of_their_requests(grid_of):
    grid = grid_of(
        "{task: adding, cell: [rnn, {name: lstm, forget_bias: [0, 3]}], seeds: 3,"
        " optimizer: {lr: [0.1, 0.2]}, model: {hidden_size: [8, 16]}}"
    )

    keys = [grid.cost_key_of(number) for number in range(len(grid))]
    assert keys == [request.cost_key for request in grid]
    assert len(set(keys)) == 4


def test_switch_of_an_optimiser_counts(run_of):
    plain = run_of(BASE, "optimizer=momentum")

    assert run_of(BASE, "optimizer={name: momentum, nesterov: true}").cost_key != plain.cost_key
    assert run_of(BASE, "optimizer={name: momentum, momentum: 0.1}").cost_key == plain.cost_key


def test_own_option_of_a_cell_counts(run_of):
    content = "task: adding\ncell: rnn\n"

    assert run_of(content, "cell.nonlinearity=relu").cost_key != run_of(content).cost_key
    assert run_of(content, "cell.recurrent_gain=2").cost_key == run_of(content).cost_key


def test_option_that_a_cell_declares_itself_counts_whatever_its_name(install_plugin, run_of):
    source = (
        "from bptt_plugins.cells.rnn import RNN\n"
        "class Mine(RNN):\n"
        "    def __init__(self, input_size, hidden_size, *,\n"
        "                 recurrent_gain: float = 1.0, **framework) -> None:\n"
        "        super().__init__(input_size, hidden_size, **framework)\n"
    )
    install_plugin("[bptt.cells]\nmine = acme_mine:Mine\n", source=source)
    content = "task: adding\ncell: mine\n"

    assert run_of(content, "cell.recurrent_gain=2").cost_key != run_of(content).cost_key
    assert run_of(content, "cell.input_std=2").cost_key == run_of(content).cost_key


def test_every_option_of_a_cell_that_is_not_pointwise_counts(install_plugin, run_of):
    source = (
        "import torch\n"
        "from bptt.contracts import Cell\n"
        "class Mine(Cell):\n"
        "    states = ('h',)\n"
        "    def __init__(self, input_size, hidden_size, *, recurrent_gain: float = 1.0) -> None:\n"
        "        super().__init__(input_size, hidden_size)\n"
        "        self.map = torch.nn.Linear(input_size, hidden_size)\n"
        "    def forward(self, x_t, state):\n"
        "        return (self.map(x_t),)\n"
    )
    install_plugin("[bptt.cells]\nmine = acme_mine:Mine\n", source=source)
    content = "task: adding\ncell: mine\n"

    assert run_of(content, "cell.recurrent_gain=2").cost_key != run_of(content).cost_key


def test_version_of_the_cell_counts_and_that_of_the_clipper_does_not(install_plugin, run_of):
    entry_points = "[bptt.cells]\nmine = acme_mine:Mine\n[bptt.clippers]\nmine = acme_mine:Clip\n"
    source = (
        "from bptt_plugins.cells.rnn import RNN as Mine\n"
        "from bptt_plugins.clippers.none import NoClipping as Clip\n"
    )
    info = install_plugin(entry_points, source=source)
    content = "task: adding\ncell: {}\nclipper: {}\n"
    before = [run_of(content.format(*c)).cost_key for c in (("mine", "none"), ("rnn", "mine"))]

    info.joinpath("METADATA").write_text("Name: acme-clippers\nVersion: 9\n")
    info.parent.joinpath("touched").mkdir()
    after = [run_of(content.format(*c)).cost_key for c in (("mine", "none"), ("rnn", "mine"))]

    assert before[0] != after[0]
    assert before[1] == after[1]


def test_file_of_a_task_counts_by_its_content(run_of, tmp_path):
    text = tmp_path / "text.txt"
    content = "task: {name: char_lm, text: text.txt}\ncell: rnn\n"
    text.write_text("the cat sat on the mat. " * 200)
    before = run_of(content)

    text.write_text("the cat sat on the hat. " * 200)

    assert run_of(content).cost_key != before.cost_key
    assert run_of(content).identity != before.identity
