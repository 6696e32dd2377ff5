"""How long files and functions are."""

import statistics

from tests.architecture.sources import (
    PROGRAM,
    files,
    lines,
    name_of,
    python_functions,
)

COUNTED = (*PROGRAM, "benchmarks")
FORBIDDEN_NAMES = {"utils", "helpers", "common", "base", "manager"}


def test_no_file_is_longer_than_300_lines():
    counted = files(*COUNTED, "tests", "docs", "deploy")

    assert {name_of(path): lines(path) for path in counted if lines(path) > 300} == {}


def test_median_file_is_at_most_130_lines():
    assert statistics.median(lines(path) for path in files(*PROGRAM)) <= 130


def test_no_function_is_longer_than_60_lines():
    long = {
        f"{name_of(path)}:{name}": length
        for path in files(*COUNTED)
        for name, length in python_functions(path)
        if length > 60
    }

    assert long == {}


def test_no_file_is_named_after_nothing():
    assert [path for path in files(*COUNTED) if path.stem in FORBIDDEN_NAMES] == []
