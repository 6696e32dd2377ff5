import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptt.content import NamedContent
from bptt.errors import InvalidSpec
from bptt.run_file import read_grid_text, read_run_file

SECTIONS = (
    "name, project, task, cell, clipper, model, optimizer, training, statistics, evaluation, seed"
)
LEAST = "task: adding\ncell: lstm\n"


def test_least_file_has_every_default(read_text):
    request = read_text(LEAST)

    assert request.spec.task.options == {"variant": "arjovsky", "length": 50}
    assert request.spec.cell.options["forget_bias"] is None
    assert request.spec.cell.options["recurrent_init"] == "uniform"
    assert request.spec.clipper.name == "none"
    assert request.spec.optimizer.name == "adam"
    assert request.spec.model.embedding_size is None
    assert (request.name, request.project) == ("lstm-adding-s0", "adding")
    assert set(request.plugins) == {"task:adding", "cell:lstm", "clipper:none"}


def test_defaults_that_depend_on_other_options_are_filled_in(read_text):
    request = read_text("task: agreement\ncell: gru\nmodel: {skip: highway, layers: 2}\n")

    assert request.spec.model.embedding_size == 16
    assert request.spec.model.highway_bias == -2.0


def test_default_written_out_gives_the_same_identity(read_text):
    short = read_text(LEAST)

    long = read_text(
        "optimizer: {name: adam, lr: 1e-3}\ncell: {name: lstm, recurrent_gain: 1}\n"
        "task: {name: adding, length: 0x32}\nname: another\n"
    )

    assert long.identity == short.identity


@pytest.mark.parametrize("override", ["seed=1", "cell=gru", "optimizer.lr=0.002"])
def test_other_result_has_another_identity(read_text, override):
    assert read_text(LEAST, override).identity != read_text(LEAST).identity


def test_file_of_an_option_is_named_by_its_content_wherever_it_lies(read_text, tmp_path):
    content = "the cat sat on the mat. " * 200
    (tmp_path / "book.txt").write_text(content)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "copy").write_text(content)
    digest = hashlib.sha256(content.encode()).hexdigest()

    near, far = (
        read_text(f"task: {{name: char_lm, text: {path}}}\ncell: gru\n")
        for path in ("book.txt", tmp_path / "folder" / "copy")
    )

    assert near.spec.task.options["text"] == f"sha256:{digest}"
    assert near.identity == far.identity
    assert near.files == {"book.txt": NamedContent(digest, len(content), "book.txt")}


def test_longer_truncation_and_later_evaluation_than_the_run_are_allowed(read_text):
    spec = read_text(LEAST + "training: {steps: 5, evaluate_every: 99, truncation: 999}").spec

    assert spec.training.evaluate_every == 99


def test_file_with_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("\ufefftask: adding\ncell: rnn\n")

    assert read_run_file(path).spec.cell.name == "rnn"


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["lstm", "adding", "adam", "1e400", "9" * 5000, "[", "{", "&a", "*a", "!t x"]),
)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*SECTIONS.split(", "), "cell.name", "optimizer.name", "model.layers"]),
        VALUES,
        max_size=5,
    ),
    st.lists(st.text(max_size=12) | st.builds("cell.forget_bias={}".format, VALUES), max_size=2),
)
def test_any_content_is_a_request_or_faults_of_one_line_each(tmp_path_factory, content, overrides):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    lines = [f"{key.replace('.', ': {')}: {value}" for key, value in content.items()]
    path.write_text("\n".join(lines), encoding="utf-8", errors="replace")

    try:
        told = [read_run_file(path, overrides).identity]
    except InvalidSpec as error:
        told = error.faults

    assert told
    assert not any("\n" in line for line in told)


def test_every_product_of_a_step_costs_as_much_as_a_preactivation():
    text = (
        "task: {name: adding, length: 100}\nmodel: {hidden_size: 8}\n"
        "cell: [{name: rhn, depth: 1}, {name: rhn, depth: 8}]\n"
    )
    request = read_grid_text(text, "grid.yaml")

    one, eight = (request.cost_of(number)[1].updates for number in range(2))

    # for 8 units products with weights take little, what is done unit by unit takes the rest
    assert 2 < eight / one < 8
