"""Timing: the loop around a runtime's call, warm-up until steady, and the process's own memory."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, List

STEADY_WITHIN = 0.02
WINDOW_NS = 250_000_000
WINDOW_AT_LEAST = 3


def turn(call: Callable[[], Any], count: int) -> List[int]:
    """`count` latencies in nanoseconds. Between the two clock reads stands nothing but the call."""
    clock = time.perf_counter_ns
    samples = [0] * count
    for index in range(count):
        begun = clock()
        call()
        samples[index] = clock() - begun
    return samples


def slowed(call: Callable[[], Any], share: float) -> Callable[[], Any]:
    """The call, then busy for `share` of the time that it took: a regression of known size."""
    clock = time.perf_counter_ns

    def longer() -> None:
        begun = clock()
        call()
        until = begun + int((clock() - begun) * (1.0 + share))
        while clock() < until:
            pass

    return longer


def median(values: List[int]) -> int:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) // 2


def window(call: Callable[[], Any], guess_ns: int) -> List[int]:
    """Samples that fill a quarter of a second by the guess, but at least three."""
    return turn(call, max(WINDOW_AT_LEAST, WINDOW_NS // max(guess_ns, 1)))


def warm_up(call: Callable[[], Any], limit_ns: int) -> Dict[str, Any]:
    """Run windows until the medians of the last two are within 2 %, or the limit is over: then it is not steady.

    The first guess comes from the second inference, since the first one also pays for what is set up lazily.
    """
    begun = time.perf_counter_ns()
    samples = turn(call, 1)
    inferences = 1
    guess = samples[0]
    medians: List[int] = []
    steady = False
    while not steady:
        elapsed = time.perf_counter_ns() - begun
        # A window that cannot end before the limit is not begun, unless nothing is known yet.
        if medians and elapsed + max(WINDOW_NS, WINDOW_AT_LEAST * guess) > limit_ns:
            break
        samples = window(call, guess)
        inferences += len(samples)
        guess = max(median(samples), 1)
        medians.append(guess)
        if len(medians) >= 2:
            last, before = medians[-1], medians[-2]
            steady = abs(last - before) <= STEADY_WITHIN * max(before, 1)
    return {
        "inferences": inferences,
        "duration_ns": time.perf_counter_ns() - begun,
        "window_medians_ns": medians,
        "steady": steady,
    }


def timed_apart(call: Callable[[], Any], limit_ns: int = 20_000_000) -> int:
    """The median of a short call, over as many repeats as fit into 20 ms (3 to 50)."""
    samples = turn(call, 3)
    while sum(samples) < limit_ns and len(samples) < 50:
        samples += turn(call, 1)
    return median(samples)


def reset_peak_memory() -> None:
    """Let VmHWM count from now (Linux, Documentation/filesystems/proc.rst: 5 into clear_refs)."""
    try:
        with open("/proc/self/clear_refs", "w") as stream:
            stream.write("5")
    except OSError:
        pass


def memory_bytes(field: str) -> Dict[str, Any]:
    """{bytes} of a field of /proc/self/status (VmHWM: peak, VmRSS: now), or {reason}.

    Not ru_maxrss: a child inherits the parent's peak through fork.
    """
    try:
        with open("/proc/self/status") as stream:
            for line in stream:
                if line.startswith(field + ":"):
                    return {"bytes": int(line.split()[1]) * 1024}
    except OSError as error:
        return {"reason": "no /proc/self/status here: %s" % (error.strerror or error)}
    return {"reason": "no %s in /proc/self/status" % field}
