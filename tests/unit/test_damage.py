"""Rubbish in a file of statistics is damage, whatever zipfile raises for it."""

import random
from io import BytesIO

import numpy as np

from bptt.damage import is_whole_archive
from bptt.measuring.stored import load_arrays


def test_no_damaged_byte_of_an_archive_is_an_error_of_ours(tmp_path):
    packed = BytesIO()
    np.savez_compressed(packed, states=np.arange(300.0), lag=np.ones((3, 4)))
    file, chosen, found = tmp_path / "00000000.npz", random.Random(1), []

    for _ in range(2000):
        rubbish = bytearray(packed.getvalue())
        rubbish[chosen.randrange(len(rubbish))] ^= chosen.randrange(1, 256)
        file.write_bytes(rubbish)
        found.append(is_whole_archive(file))
        load_arrays(file)
    file.write_bytes(packed.getvalue())

    # most of what is no content, as times and names, is not under a checksum
    assert found.count(False) > 1000
    assert is_whole_archive(file)
