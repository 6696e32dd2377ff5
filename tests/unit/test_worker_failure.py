"""Causes of failures, as a person is told them."""

import errno

import pytest

from bptt.errors import (
    BrokenPlugin,
    CheckpointDamaged,
    DataChanged,
    InvalidSetting,
    OutOfMemory,
    PluginChanged,
    UnknownPlugin,
)
from bptt.execution.failure import cause_of, describe

SPEC = {"task": {"name": "latch"}, "cell": {"name": "rnn"}, "clipper": {"name": "none"}}


def raised(error, name="bptt.training.run"):
    """Return an error as it arrives from a module of this name."""
    try:
        exec("raise error", {"__name__": name, "error": error})
    except BaseException as caught:
        return caught


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (MemoryError(), "out_of_memory"),
        (OutOfMemory("no"), "out_of_memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out_of_memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full"),
        (OSError(errno.EACCES, "Permission denied"), "internal_error"),
        (DataChanged("other"), "data_changed"),
        (PluginChanged("other"), "plugin_changed"),
        (InvalidSetting("BPTT_BACKEND is compiled, which cannot"), "invalid_setting"),
        (UnknownPlugin("cell", "x", []), "plugin_missing"),
        (BrokenPlugin("no"), "plugin_error"),
        (CheckpointDamaged("cut"), "internal_error"),
        (ValueError("ours"), "internal_error"),
    ],
)
def test_error_has_its_cause(error, cause):
    assert cause_of(raised(error), SPEC) == cause


def test_error_in_code_of_a_plugin_is_the_plugins():
    error = raised(ValueError("theirs"), name="bptt_plugins.cells.rnn")

    assert cause_of(error, SPEC) == "plugin_error"


def test_error_below_code_of_a_plugin_is_the_plugins_too():
    def in_torch():
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError) as caught:
        exec("call()", {"__name__": "bptt_plugins.tasks.latch", "call": in_torch})

    assert cause_of(caught.value, SPEC) == "plugin_error"


def test_exit_out_of_a_plugin_is_its_failure():
    error = raised(SystemExit(0), name="bptt_plugins.cells.rnn")

    assert cause_of(error, SPEC) == "plugin_error"


def test_failure_is_told_in_one_line_with_its_traceback():
    told = describe(raised(ValueError("two\nlines.")), SPEC)

    assert told.message == "ValueError: two lines."
    assert told.traceback.startswith("Traceback")


def test_failure_of_a_run_whose_plugin_is_gone_is_told_all_the_same():
    told = describe(raised(ValueError("x")), SPEC | {"cell": {"name": "gone"}})

    assert told.cause == "internal_error"


def test_error_in_code_that_a_plugin_inherits_is_the_plugins(monkeypatch):
    parent = type("Parent", (), {"__module__": "acme_parent.tasks"})
    child = type("Child", (parent,), {"__module__": "acme_child"})
    monkeypatch.setattr("bptt.registry.load", lambda kind, name: child)
    error = raised(ValueError("theirs"), name="acme_parent.tasks")

    assert cause_of(error, SPEC) == "plugin_error"
    assert cause_of(raised(ValueError("ours")), SPEC) == "internal_error"
