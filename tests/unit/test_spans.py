import pytest

from bptt.cli.spans import between

DAY = 86_400


@pytest.mark.parametrize(
    ("least", "most", "told"),
    [
        (240, 540, "4 to 9 min"),
        (DAY * 300, DAY * 500, "300 to 500 d"),
        (DAY * 400, DAY * 1000, "400 d to 3 years"),
        (DAY * 221_693, DAY * 1_072_995, "607 to 2,938 years"),
    ],
)
def test_a_range_is_told_in_a_unit_that_fits(least, most, told):
    assert between(least, most) == told
