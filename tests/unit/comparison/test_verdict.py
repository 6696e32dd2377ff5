"""What the sentence below a table says, and the seeds that it asks for."""

import re
from dataclasses import replace

import numpy as np
import pytest

from bptt.comparison.seeds_to_add import seeds_option
from bptt.comparison.table import compare
from tests.unit.comparison.points import row


def standings(groups):
    return [(name, group.standing) for name, group in groups.items()]


def test_who_cannot_be_told_from_the_best_stands_beside_it_and_has_no_number():
    (comparison,) = compare(
        row("c", [0.1, 0.12, 0.1]) + row("a", [0.9, 0.8, 0.7]) + row("b", [0.7, 0.9, 0.7])
    )

    found = {group.config: group for group in comparison.groups}
    assert standings(found) == [("a", "best so far"), ("b", "may be best"), ("c", "worse")]
    assert found["b"].lead.low < 0 < found["c"].lead.low
    assert comparison.verdict.startswith(
        "Preliminary (3 seeds): 3 seeds cannot tell 2 of 3 configurations apart: a (best so far) "
        "and b; the other is worse than a (95 % for all of these statements together). About 167 "
        "would, if the difference (0.0333) is as seen:\nbptt extend GRID --set seeds=167"
    )


def test_table_and_verdict_never_contradict_each_other():
    drawn = np.random.default_rng(42)
    for _ in range(30):
        held = [p for c in "abcd" for p in row(c, list(drawn.normal(size=5) + (c == "a")))]

        (comparison,) = compare(held)

        best, *others = comparison.groups
        assert (best.standing, best.lead) == ("best so far", None)
        for group in others:
            assert group.lead.estimate >= 0
            assert (group.standing == "worse") == (group.lead.low > 0)
            assert group.lead.high > group.lead.low
        worse = [group for group in others if group.standing == "worse"]
        assert ("cannot tell" in comparison.verdict) == (len(worse) < len(others))


@pytest.mark.parametrize(("seeds", "said"), [(1, "1 seed tells nothing"), (2, "2 seeds tell")])
def test_one_or_two_seeds_tell_nothing_and_have_no_interval(seeds, said):
    # alike, as two coins are half of the time
    (comparison,) = compare(row("a", [0.9] * seeds) + row("b", [0.1] * seeds))

    for group in comparison.groups:
        assert (group.value.low, group.value.high) == (None, None)
    assert [g.standing for g in comparison.groups] == ["best so far", "may be best"]
    assert comparison.groups[1].lead.low is None
    assert comparison.verdict.startswith(said)
    assert comparison.verdict.endswith(":\nbptt extend GRID --set seeds=5")


def test_one_that_is_better_than_all_others_is_said_to_be():
    held = row("a", [0.9, 0.91, 0.92, 0.9, 0.9]) + row("b", [0.1, 0.12, 0.11, 0.1, 0.13])

    (two,) = compare(held)
    (three,) = compare(held + row("c", [0.2, 0.21, 0.2, 0.22, 0.2]))

    assert two.verdict == "a is better than b (95 %)."
    assert three.verdict == (
        "a is better than both others (95 % for all of these statements together)."
    )
    assert three.notes[0].startswith(
        "Procedure: step-down blocked Tukey test, with each pair's own t test; with 5 seeds, leads "
        "of about 0.0"
    )


def test_verdict_below_five_seeds_is_preliminary():
    (comparison,) = compare(row("a", [0.9, 0.91, 0.92, 0.9]) + row("b", [0.1, 0.12, 0.11, 0.1]))

    assert comparison.verdict == "Preliminary (4 seeds): a is better than b (95 %)."


def test_no_number_of_seeds_is_advised_where_there_is_no_difference():
    (comparison,) = compare(row("a", [1.0] * 5) + row("b", [1.0] * 5))

    assert comparison.verdict == (
        "5 seeds cannot tell the configurations apart: a and b. If the differences "
        "are as small as seen, no more seeds would tell them."
    )
    assert comparison.notes[0].endswith("t test.")


def test_a_difference_that_is_small_for_any_number_of_seeds_is_said_to_be_small():
    values = np.array([0.1, 0.9, 0.4, 0.6, 0.2, 0.8])

    (comparison,) = compare(row("a", list(values)) + row("b", list(values[::-1] - 0.002)))

    assert comparison.verdict.endswith("telling them takes more than 1,000 seeds.")


def test_no_fewer_seeds_are_advised_than_are_trusted():
    held = row("a", [0.9, 0.81, 0.86]) + row("b", [0.75, 0.76, 0.76])

    (comparison,) = compare(held)

    assert comparison.verdict.endswith("extend GRID --set seeds=5")


def test_seeds_that_some_have_and_others_lack_are_given_to_all():
    # b ran with nine seeds, a and c with four of them
    few = {"a": [0.9, 0.8, 0.7, 0.85], "c": [0.1, 0.2, 0.1, 0.1]}
    held = [p for c, values in few.items() for p in row(c, values)]

    (comparison,) = compare(held + row("b", [0.8, 0.82, 0.7, 0.8, 0.8, 0.8, 0.7, 0.9, 0.8]))

    (advised,) = [int(line.rpartition("=")[2]) for line in comparison.verdict.splitlines()[1:]]
    assert advised > 4
    (one_each,) = compare(row("a", [0.9]) + row("b", [0.8, 0.7, 0.6, 0.5, 0.5]))
    assert one_each.verdict == (
        "1 seed in common with the best: that tells nothing; 5 are the least to rely on:\n"
        "bptt extend GRID --set seeds=5"
    )


@pytest.mark.parametrize(
    ("there", "wanted", "option"),
    [(range(5), 14, 14), (range(100, 105), 14, 9), ([1, 2, 7], 5, 4), ([3], 1, 0)],
)
def test_advice_adds_as_many_seeds_as_are_lacking(there, wanted, option):
    assert seeds_option(list(there), wanted) == option
    assert len({*there, *range(option)}) == wanted


def live(cell, values, status="running"):
    return [replace(one, status=status, result=None) for one in row(cell, values)]


@pytest.mark.parametrize("status", ["held", "queued", "running"])
def test_while_runs_come_in_nothing_is_told(status):
    ended = row("a", [0.9, 0.91, 0.92, 0.9, 0.9]) + row("b", [0.1, 0.12, 0.11, 0.1, 0.13])

    (before,) = compare(ended + live("c", [0.5], status))
    (after,) = compare(ended)

    assert (before.live, after.live) == (1, 0)
    assert before.verdict == (
        "So far, no verdict: 1 of 11 runs has not ended, and a is ahead. What can be told apart is "
        "tested once, when all have, so that looking in between makes no false claims."
    )
    standing = {group.config: group.standing for group in before.groups}
    assert standing == {"a": "best so far", "b": "may be best", "c": ""}
    lead = before.groups[1].lead
    assert (lead.estimate, lead.low, lead.high) == (pytest.approx(0.794), None, None)
    assert not [note for note in before.notes if note.startswith("Procedure")]
    assert after.verdict == "a is better than b (95 %)."


def test_of_several_problems_those_that_have_ended_are_told_and_what_is_over_all_is_not():
    def both(length):
        found = row("a", [0.9, 0.91, 0.92, 0.9, 0.9]) + row("b", [0.1, 0.12, 0.11, 0.1, 0.13])
        return [replace(one, values={**one.values, "task.length": length}) for one in found]

    held = both(20) + both(50)
    held[-1] = replace(held[-1], status="queued", result=None)

    ended, coming, over = compare(held)

    assert ended.verdict == "a is better than b (95 %)."
    assert coming.verdict.startswith("So far, no verdict: 1 of 10 runs has not ended")
    assert over.verdict.startswith("So far, no verdict: 1 of 20 runs has not ended")
    assert [group.standing for group in over.groups] == ["best so far", "may be best"]


def test_where_all_runs_have_ended_nobody_can_be_ranked_some_day():
    failed = live("c", [0.5] * 3, "failed")

    (alone,) = compare(row("a", [0.9, 0.8, 0.7]) + failed, grid="abcde")
    (none,) = compare(failed + live("d", [0.5] * 3, "cancelled"), grid="abcde")

    assert alone.verdict == (
        "Only a can be ranked: no other configuration has values of most of its runs, or none in a "
        "seed that this one has. Why, run by run:\nbptt show abcde"
    )
    assert none.verdict == (
        "No configuration can be ranked: none has values of most of its runs. Why, run by run:\n"
        "bptt show abcde"
    )


def test_one_configuration_may_be_claimed_to_be_what_it_is_and_nothing_of_others():
    held = [replace(one, values={"seed": one.seed}, lr=0.003) for one in row("a", [0.9, 0.8, 0.7])]

    (several,), (one,) = compare(held, grid="abcde"), compare(held[:1], grid="abcde")
    both = row("a", [0.9, 0.8, 0.7]) + row("b", [0.9, 0.8, 0.7])
    (filtered,) = compare(both[:3], whole=both)

    assert several.verdict == (
        "One configuration, 3 seeds: its accuracy and how far that varies with the seed; nothing "
        "of any other. To compare it, give an axis more values, for example:\n"
        "bptt extend abcde --set 'optimizer.lr=[0.003,0.001]'"
    )
    assert one.verdict == (
        "One configuration, 1 seed: nothing can be said of others, nor of how much a further seed "
        "would differ. 5 seeds are the least to rely on:\nbptt extend abcde --set seeds=5"
    )
    assert filtered.verdict.endswith("nothing of any other. The others are left out by --filter.")


def test_values_that_are_all_alike_have_no_interval_and_are_told_to_have_learned():
    (comparison,) = compare(row("a", [1.0] * 5) + row("b", [0.5] * 5))

    a, b = comparison.groups
    assert [(g.value.low, g.value.high) for g in (a, b)] == [(None, None)] * 2
    assert (b.standing, b.lead.low, b.lead.high) == ("worse", None, None)
    assert (a.learned, b.learned) == (True, False)


def test_seeds_that_are_added_because_nothing_was_told_are_said_to_be_one_more_test():
    said = "More seeds because nothing was told are one more test"
    better = row("a", [0.9, 0.91, 0.92, 0.9, 0.9]) + row("b", [0.1, 0.12, 0.11, 0.1, 0.13])
    open_ = row("a", [0.9, 0.8, 0.7]) + row("b", [0.7, 0.9, 0.7])

    def is_said(points):
        return any(note.startswith(said) for note in compare(points)[0].notes)

    assert is_said(open_)
    # told at once; no test yet; not the time for one; nothing that seeds would tell
    assert not is_said(row("a", [0.9, 0.8, 0.7]) + row("b", [0.9, 0.8, 0.7]))
    assert not is_said(better)
    assert not is_said([one for one in open_ if one.seed < 2])
    assert not is_said(open_ + live("c", [0.5]))


def test_where_nobody_is_ahead_while_runs_come_in_no_row_is_the_best_so_far():
    (alone,) = compare(row("a", [0.9, 0.8]) + live("b", [0.5, 0.5]))
    equal = row("a", [0.9, 0.8, 0.7]) + row("b", [0.9, 0.8, 0.7])
    (tied,) = compare(equal + live("b", [0.5]))
    (two,) = compare(equal + row("c", [0.1, 0.2, 0.1]) + live("c", [0.5]))

    for one in (alone, tied):
        assert "and nobody is ahead" in one.verdict
        assert {group.standing for group in one.groups} == {""}
    assert "and a and b are ahead" in two.verdict
    assert two.groups[0].standing == "best so far"


def test_how_many_seeds_tell_the_rest_is_said_of_their_differences():
    near = row("a", [0.9, 0.8, 0.7, 0.9, 0.8]) + row("b", [0.8, 0.9, 0.6, 0.7, 0.9])
    (comparison,) = compare(near + row("c", [0.7, 0.6, 0.9, 0.8, 0.6]))

    assert "would tell it from all of them, if the other differences are, too:" in (
        comparison.verdict
    )


def test_the_leads_that_are_told_are_those_of_the_steadiest_pair_to_those_of_the_widest():
    steady = [0.90, 0.91, 0.90, 0.92, 0.90]
    near = [0.89, 0.91, 0.89, 0.91, 0.90]
    wide = [0.95, 0.55, 0.92, 0.60, 0.93]

    (comparison,) = compare(row("a", steady) + row("b", near) + row("c", wide))

    said = re.search(
        r"leads of about (\S+) to (\S+) are told four times in five", comparison.notes[0]
    )
    least, most = (float(figure) for figure in said.groups())
    leads = {g.config: g.lead for g in comparison.groups if g.lead}
    # half of an interval is the lead that is needed to be told at all
    needed = [lead.high - lead.estimate for lead in leads.values()]
    assert least > min(needed)
    assert most > max(needed)


def test_of_two_configurations_one_number_is_told():
    (comparison,) = compare(row("a", [0.90, 0.91, 0.90]) + row("b", [0.89, 0.91, 0.88]))

    assert re.search(r"leads of about \S+, \S+ standard dev.* are told four", comparison.notes[0])
