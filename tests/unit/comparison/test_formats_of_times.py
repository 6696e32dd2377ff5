"""What CSV, Markdown and LaTeX say of times to solve and of runs without a value."""

import csv
import io

from bptt.cli.comparison_formats import as_csv, as_latex, as_markdown
from bptt.comparison.table import compare
from tests.unit.comparison.timed import EVERY, run, runs


def test_a_csv_says_to_what_a_time_is_known_as_the_table_does():
    (comparison,) = compare(runs("a", [EVERY] * 3) + runs("b", [100, None, None]))

    first, last = csv.DictReader(io.StringIO(as_csv([comparison])))
    assert (first["configuration"], first["at most"], first["median beyond"]) == ("a", "True", "")
    assert (last["at most"], last["median"], last["median beyond"]) == ("False", "", "1000.0")


def test_markdown_and_latex_name_runs_without_a_value_and_say_what_columns_are():
    held = [*runs("a", [100, 150, 100]), run("a", 3, 50, outcome="diverged")]

    compared = compare(held + runs("b", [200] * 4))

    (one,) = compared[0].lacking
    for text in (as_markdown(compared), as_latex(compared)):
        assert f"No value: {one.run_id}" in text
        assert "n: seeds that count, diverged runs included." in text
