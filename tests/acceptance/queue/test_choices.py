"""`bptt compare --tune` beside choices that were made for good, in one grid or several."""

import shlex

from tests.acceptance.queue.several import STOPPED, TASK, compared, grids, groups, result_of

__all__ = ["grids"]

RATES = f"{TASK}{STOPPED}optimizer: {{lr: [0.001, 0.01]}}\n"


def by_rate(spec):
    """Return a value that is better with the larger rate, and with the lstm."""
    cell, rate, seed = spec["cell"]["name"], spec["optimizer"]["lr"], spec["seed"]
    return 0.6 + 0.1 * (rate == 0.01) + 0.1 * (cell == "lstm") + 0.01 * (7 * seed % 5)


def end_all(worker, value):
    while (run := worker.begin()) is not None:
        worker.succeed(run, result_of(value(run.spec)))


def tuned_to(found):
    return {name: (one["tuned_to"], one["value"]["n"]) for name, one in groups(found).items()}


def test_a_choice_made_in_one_grid_is_not_made_again_beside_another(bptt, grids, machine):
    one = grids("one", f"{RATES}cell: [rnn, gru]\nseeds: 8\n", by_rate)
    assert bptt("extend", one, "--tuned", "lr", "--seeds", "3")[0] == 0
    end_all(machine(), by_rate)
    two = grids("two", f"{RATES}cell: lstm\nseeds: 8\n", by_rate)
    # seeds that have one value, whatever for: no command has chosen it
    alone = f"{TASK}{STOPPED}optimizer: {{lr: 0.001}}\ncell: lstm\nseeds: [8, 9]\n"
    three = grids("three", alone, by_rate)

    (mixed,) = compared(bptt, one, two, three, "--tune", "lr")
    (alone_one,) = compared(bptt, one, "--tune", "lr")
    (alone_two,) = compared(bptt, two, "--tune", "lr")

    chosen = {"rnn": ("lr=0.01", 3), "gru": ("lr=0.01", 3)}
    assert tuned_to(alone_one) == chosen
    assert list(tuned_to(alone_two).values()) == [("lr=0.01", 4)]
    assert tuned_to(mixed) == chosen | {"lstm": ("lr=0.01", 4)}
    note = mixed["notes"][0]
    assert (
        "of rnn and gru on 0, 1, 2, 3, 4, 5, 6, 7, judged on 8, 9, 10, which were added for the "
        "values chosen alone; of lstm on 0, 1, 2, 3, judged on 4, 5, 6, 7."
    ) in note
    assert "judge nothing that is chosen here, whatever they were added for: 8, 9." in note
    # nothing pairs them, and the line that says so has a command for each grid that mends it
    (apart,) = [line for line in mixed["notes"] if line.startswith("No seed of ")]
    commands = [shlex.split(line) for line in apart.splitlines() if line.startswith("bptt extend ")]
    assert commands
    for command in commands:
        assert bptt(*command[1:])[0] == 0, command
    end_all(machine(), by_rate)
    (after,) = compared(bptt, one, two, three, "--tune", "lr")
    assert not any(line.startswith("No seed of ") for line in after["notes"])
    assert after["groups"][0]["config"] == "lstm"
    assert after["verdict"].endswith("lstm is better than both others (95 % for all of these "
                                     "statements together).")  # fmt: skip


def test_a_seed_that_has_one_value_by_chance_does_not_judge_it(bptt, grids):
    text = f"{RATES}cell: [rnn, gru]\nseeds: 6\n"
    grid = grids("one", text, by_rate)
    file = f"{TASK}{STOPPED}optimizer: {{lr: 0.001}}\ncell: [rnn, gru]\nseeds: [6, 7, 8, 9]\n"
    other = grids("two", file, by_rate)

    (found,) = compared(bptt, grid, other, "--tune", "lr")

    assert tuned_to(found) == {"rnn": ("lr=0.01", 3), "gru": ("lr=0.01", 3)}
