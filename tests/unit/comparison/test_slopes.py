"""What a comparison says of slopes: of which layers they are, mixed, or of an earlier version."""

import pytest

from bptt.comparison import ComparedPoint, wording
from bptt.comparison.table import compare


def points(**slopes):
    metrics = {"eval/accuracy": 0.5, "flow/slope": -0.1, "flow/reach": -2.0}
    metrics |= {name.replace("__", "/"): value for name, value in slopes.items()}
    metrics = {name: value for name, value in metrics.items() if value is not None}
    result = {"outcome": "finished", "metric": "accuracy", "better": "higher", "metrics": metrics}
    return [ComparedPoint(name, 0, "succeeded", result) for name in ("a", "b")]


def slope_cell(comparison):
    column = next(n for n, name in enumerate(wording.columns(comparison)) if "slope" in name)
    return wording.columns(comparison)[column], wording.cells(comparison, comparison.groups[0])[
        column
    ]


def test_slope_of_one_layer_is_called_so():
    (found,) = compare(points(flow__slope_lowest=-0.2, flow__slope_highest=-0.1))

    assert slope_cell(found) == ("slope", "-0.1")
    assert found.groups[0].layer_slopes == {}
    assert not any("version" in line or "~" in line for line in wording.conclusions(found))


def test_slope_of_several_layers_is_named_and_each_layer_has_its_own():
    (found,) = compare(points(layer__0_slope=-0.3, layer__1_slope=-0.2, layer__1_grad_norm=5.0))

    assert slope_cell(found)[0] == "slope (all layers)"
    assert {n: s.estimate for n, s in found.groups[0].layer_slopes.items()} == {
        "0": -0.3,
        "1": -0.2,
    }


def test_slope_whose_single_losses_differ_in_sign_is_marked():
    (found,) = compare(points(flow__slope_lowest=-0.2, flow__slope_highest=0.1))

    assert slope_cell(found)[1] == "~-0.1"
    assert found.groups[0].slope_mixed
    assert any(line.startswith("~: ") for line in wording.conclusions(found))


@pytest.mark.parametrize(("reach", "said"), [(None, True), (-2.0, False)])
def test_slopes_of_an_earlier_version_are_counted(reach, said):
    (found,) = compare(points(flow__reach=reach))

    lines = wording.conclusions(found)
    assert any("slopes of 2 runs are as an earlier version" in line for line in lines) == said


def test_a_gradient_that_died_has_no_reach_and_is_of_this_version():
    measured = points()
    for point in measured:
        point.result["metrics"]["flow/reach"] = None

    (found,) = compare(measured)

    assert not any("earlier version" in line for line in wording.conclusions(found))
