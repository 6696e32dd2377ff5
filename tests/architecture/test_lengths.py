"""How long files and functions are."""

import statistics

from tests.architecture.sources import (
    PROGRAM,
    c_functions,
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


def test_no_c_file_is_longer_than_400_lines():
    counted = files("services", suffix=".c")

    assert {name_of(path): lines(path) for path in counted if lines(path) > 400} == {}
    assert counted


def test_no_c_function_is_longer_than_80_lines():
    found = [
        (f"{name_of(path)}:{head}", length)
        for path in files("services", suffix=".c")
        for head, length in c_functions(path)
    ]

    assert [one for one in found if one[1] > 80] == []
    # so that none is missed
    assert {"forward", "backward", "adam"} <= {
        head.partition("(")[0].split()[-1] for head, _ in found
    }


def test_no_file_is_named_after_nothing():
    assert [path for path in files(*COUNTED) if path.stem in FORBIDDEN_NAMES] == []
