"""One file of all probes gives back what each of them measured."""

import numpy as np

from bptt.measuring.stored import StoredProbe, load_first_and_last, load_probes, packed
from bptt.run_folder import RunFolder


def ended(tmp_path, content):
    folder = RunFolder(tmp_path / "run")
    folder.flow.parent.mkdir(parents=True)
    folder.flow.write_bytes(content)
    (folder.path / "result.json").write_text("{}")
    return folder


def test_each_probe_has_its_own_row(tmp_path):
    probes = [StoredProbe(step, {"flow": np.full(3, step / 7)}) for step in (0, 20, 100)]

    folder = ended(tmp_path, packed(probes))

    found = load_probes(folder)
    assert [probe.step for probe in found] == [0, 20, 100]
    assert all(
        (a.arrays["flow"] == b.arrays["flow"]).all() for a, b in zip(found, probes, strict=True)
    )
    assert [probe.step for probe in load_first_and_last(folder, ("flow",))] == [0, 100]


def test_what_a_probe_lacks_is_nan_and_nothing_of_a_longer_one_is_lost(tmp_path):
    short = StoredProbe(0, {"train_flow": np.array([[1.0, 2.0], [3.0, 4.0]])})
    long = StoredProbe(5, {"train_flow": np.ones((2, 3)), "jacobian": np.array([[9.0, 8.0, 7.0]])})

    first, second = load_probes(ended(tmp_path, packed([short, long])))

    nan = np.nan
    expected = [[1.0, 2.0, nan], [3.0, 4.0, nan]]
    assert np.array_equal(first.arrays["train_flow"], expected, equal_nan=True)
    assert np.isnan(first.arrays["jacobian"]).all()
    assert second.arrays["train_flow"].tolist() == np.ones((2, 3)).tolist()
    assert second.arrays["jacobian"].tolist() == [[9.0, 8.0, 7.0]]


def test_of_a_run_that_goes_on_each_probe_is_a_file(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.probes.mkdir(parents=True)
    for step in (0, 10, 20):
        np.savez(folder.probes / f"{step:08d}.npz", flow=np.full(2, float(step)))
    (folder.probes / "00000000.npz").write_bytes(b"torn")
    folder.flow.parent.mkdir(parents=True)
    # of an end that did not count
    folder.flow.write_bytes(packed([StoredProbe(7, {"flow": np.zeros(2)})]))

    assert [probe.step for probe in load_probes(folder)] == [10, 20]
    assert [probe.step for probe in load_first_and_last(folder, ("",))] == [10, 20]
