import json

from hypothesis import given, settings
from hypothesis import strategies as st

from bptt.errors import InvalidSpec
from bptt.run_file import read_grid_file
from bptt.run_file.sections import GRID_ONLY, SECTIONS

WORDS = ["lstm", "rnn", "adding", "latch", "adam", "none", "dense", "chrono", "", "seeds"]
KEYS = [
    *SECTIONS,
    *GRID_ONLY,
    "cell.name",
    "cell.forget_bias",
    "optimizer.lr",
    "model.layers",
    "forget_bias",
    "layers",
    "lr",
    "length",
    "cell.",
    ".",
]
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.sampled_from([2**63, 10**30, 0.5, float("nan"), float("inf")])
    | st.sampled_from(WORDS)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.sampled_from(KEYS), values, max_size=5),
    st.lists(st.builds("{}={}".format, st.sampled_from(KEYS), values.map(json.dumps)), max_size=2),
)
def test_any_content_is_a_grid_or_faults_of_one_line_each(tmp_path_factory, content, overrides):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    content = {"task": "latch", "cell": "rnn"} | content
    text = json.dumps(content).replace("NaN", ".nan").replace("Infinity", ".inf")
    path.write_text(text)

    try:
        told = [request.identity for request in read_grid_file(path, overrides)[:50]]
    except InvalidSpec as error:
        told = error.faults

    assert told
    assert not any("\n" in line for line in told)
