import pytest

from bptt.api.application import create_app
from bptt.settings import Settings


@pytest.mark.parametrize(
    ("schema", "field", "begins"),
    [
        ("Token", "last_used_at", "To the minute."),
        ("Submission", "reused", "Points whose finished run was there already"),
        ("Submission", "most", "The bounds between which it probably is."),
    ],
)
def test_openapi_describes_a_field_by_its_docstring_even_an_inherited_one(
    tmp_path, schema, field, begins
):
    document = create_app(Settings(home=tmp_path), "tokens").openapi()

    described = document["components"]["schemas"][schema]["properties"][field]["description"]
    assert described.startswith(begins)
