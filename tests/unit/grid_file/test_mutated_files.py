"""Grid files that are almost right: bytes, words and lines of real ones changed at random."""

import random
from pathlib import Path

import pytest

from bptt.errors import BpttError
from bptt.run_file import read_grid_file

ROOT = Path(__file__).parents[3]
GRIDS = sorted((ROOT / "grids").glob("*.yaml"))
PIECES = [
    *("99999999999999999999", "-1", "1e400", "-0.0", "5e-324", ".nan", ".inf", "0x10", "1_000"),
    *("2147483648", "9223372036854775808", "null", "true", "''", "[]", "{}", "[[1]]", "~", "<<"),
    *("LSTM", "lstm", "&a", "*a", "!!python/object:os.system", "\x00", "\ud800", "遗忘门", "|"),
    *("\u2028", "a" * 5000, "9" * 5000, "- " * 50, "{" * 50, "%", "#", ": ", "?", "seeds: 0", "-x"),
]  # fmt: skip


def mutated(text, chance):
    """Return a text with one to four small changes."""
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(text) + 1)
        words = text.split(" ")
        lines = text.split("\n")
        match chance.randrange(6):
            case 0:
                text = text[:at] + chance.choice(PIECES) + text[at:]
            case 1:
                text = text[:at] + text[at + chance.randint(1, 20) :]
            case 2:
                words[chance.randrange(len(words))] = chance.choice(PIECES)
                text = " ".join(words)
            case 3:
                lines.insert(chance.randrange(len(lines)), chance.choice(lines))
                text = "\n".join(lines)
            case 4:
                chance.shuffle(lines)
                text = "\n".join(lines)
            case 5:
                text = text[:at] + chr(chance.choice([0, 7, 27, 133, 0x202E, 0xFFFE])) + text[at:]
    return text


def read_mutants(folder, count, seed):
    chance = random.Random(seed)
    good = 0
    for number in range(count):
        grid = chance.choice(GRIDS)
        text = mutated(grid.read_text(), chance)
        path = folder / "mutant.yaml"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            request = read_grid_file(path)
        except BpttError as caught:
            refused = caught
        else:
            assert request[0].identity
            good += 1
            continue
        told = str(refused)
        assert refused.exit_code == 2, (number, text, told)
        assert told, text
        assert max(map(len, told.split("\n"))) <= 2_000, told
    return good


def test_a_mutated_grid_file_is_a_grid_or_is_refused_in_lines(tmp_path):
    assert 0 < read_mutants(tmp_path, 150, seed=1) < 150


@pytest.mark.soak
def test_two_thousand_mutated_grid_files_are_grids_or_are_refused_in_lines(tmp_path):
    assert 0 < read_mutants(tmp_path, 2_000, seed=2) < 2_000
