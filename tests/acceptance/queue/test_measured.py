"""A grid that varies what is measured has its trainings compared, each once."""

from tests.acceptance.queue.several import STOPPED, TASK, by_cell, compared, grids, groups

__all__ = ["grids"]


def test_an_axis_of_statistics_makes_no_rivals(bptt, grids):
    text = f"{TASK}{STOPPED}cell: [rnn, gru]\nseeds: 4\n"
    varied = grids("one", f"{text}statistics: {{interval: [50, 0]}}\n", by_cell)
    plain = grids("two", text, by_cell)

    (found,) = compared(bptt, varied)
    (alone,) = compared(bptt, plain)
    (both,) = compared(bptt, varied, plain)

    for one in (found, both):
        assert {name: g["value"] for name, g in groups(one).items()} == {
            name: g["value"] for name, g in groups(alone).items()
        }
        assert one["verdict"] == alone["verdict"]
    assert any(
        note.startswith("statistics.interval differs: 50 and 0. ") for note in found["notes"]
    )
    (note,) = [note for note in both["notes"] if note.startswith("statistics.interval differs: ")]
    assert {f"50 ({varied})", f"0 ({varied})", f"not given ({plain})"} == set(
        note.split(": ")[1].split(". It")[0].replace(" and ", ", ").split(", ")
    )
    code, out, errors = bptt("compare", varied, "--by", "interval")
    assert (code, out, len(errors)) == (2, "", 1)
    assert "says what is measured and not what is trained" in errors[0]
    assert bptt("compare", varied, "--html", "page.html")[0] == 0
