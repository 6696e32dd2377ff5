"""What a comparison advises can be copied from every format."""

from dataclasses import replace

from bptt.cli.comparison_formats import as_markdown
from bptt.comparison.report import report
from bptt.comparison.table import compare
from bptt.comparison.wording import with_commands
from bptt.records.comparison import GridCompared
from tests.unit.comparison.points import row

COMMAND = "bptt extend GRID --set seeds=5"


def two_seeds():
    (comparison,) = compare(row("a_b", [0.9, 0.8]) + row("c", [0.7, 0.9]))
    return replace(comparison, grids=(GridCompared("abcde", "small", "ada", 4),))


def test_a_command_stands_apart_from_its_sentence():
    said, commands = with_commands("Why, run by run:\nbptt show a\nbptt show b")

    assert (said, commands) == ("Why, run by run:", ["bptt show a", "bptt show b"])
    assert with_commands("a is better than b (95 %).") == ("a is better than b (95 %).", [])


def test_markdown_has_a_command_as_it_is_typed_in_a_block_of_its_own():
    text = as_markdown([two_seeds()])

    assert f"rely on:\n\n```text\n{COMMAND}\n```" in text
    assert "a\\_b" in text


def test_a_page_has_a_command_as_code_on_a_line_of_its_own():
    page = report([two_seeds()], [], title="small", sources=["cell: [a_b, c]"], at=0.0)

    assert f"rely on:<br><code>{COMMAND}</code></p>" in page
