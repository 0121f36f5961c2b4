"""The stopwatch of the benchmarks: the best of some repeats, after one run that may compile."""

import time
from collections.abc import Callable

REPEATS = 7


def best_ns(work: Callable[[], object], calls: int, repeats: int = REPEATS) -> float:
    """Nanoseconds a call of the best of some repeats, each of so many calls."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter_ns()
        work()
        times.append(time.perf_counter_ns() - start)
    return min(times) / calls


def best_us(work: Callable[[], object], calls: int) -> float:
    """Microseconds a call."""
    return best_ns(work, calls) / 1e3
