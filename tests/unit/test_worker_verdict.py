"""What a process is said to have died of, by what the system tells."""

import pytest

from bptt.worker import verdict


@pytest.mark.parametrize(
    ("code", "before", "after", "cause", "told"),
    [
        (-9, 4, 5, "out_of_memory", "SIGKILL (the system was out of memory)"),
        # another one's, before this one began
        (-9, 5, 5, "crash_loop", "SIGKILL (by somebody: the system was not out of memory)"),
        (-9, None, None, "crash_loop", "SIGKILL (out of memory, perhaps)"),
        (-11, 4, 5, "crash_loop", "killed by SIGSEGV"),
        (0, 4, 5, "crash_loop", "exit code 0 and left no result"),
        (137, 4, 5, "crash_loop", "exit code 137 and left no result"),
    ],
)
def test_only_a_kill_for_want_of_memory_is_a_failure_for_want_of_memory(
    monkeypatch, code, before, after, cause, told
):
    monkeypatch.setattr(verdict, "memory_kills", lambda: after)

    found, why = verdict.cause_of_death(code, before)

    assert found == cause
    assert why.endswith(told)
