"""One integer per run, many independent streams of random numbers."""

import hashlib

from torch import Generator


def stream_seed(seed: int, stream: str, index: int = 0) -> int:
    """Return the 63-bit seed of a named stream, for example ('data', block 7).

    A hash, so that neighbouring seeds share nothing and a stream can be entered at any index
    without having drawn what came before.
    """
    text = f"{seed}/{stream}/{index}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1


def stream(seed: int, name: str, index: int = 0) -> Generator:
    """Return a CPU generator at the start of a named stream."""
    return Generator().manual_seed(stream_seed(seed, name, index))
