"""Randomness is an argument: one seed, and children found by name."""

import zlib

import numpy as np


def generator(seed: int, *names: str) -> np.random.Generator:
    """A generator for one named purpose.

    The same seed and names give the same stream on every machine; different names give
    independent streams, so adding a consumer never changes what another one draws.
    """
    keys = [zlib.crc32(name.encode()) for name in names]
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, *keys])))
