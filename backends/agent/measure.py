"""Timing: the loop around a runtime's call, warm-up until steady, calls that overlap, and the process's memory."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Dict, List

STEADY_WITHIN = 0.02
WINDOW_NS = 250_000_000
WINDOW_AT_LEAST = 3
OVERLAPPED_WARM_UP = 2


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


def overlapped(calls: List[Callable[[], Any]], duration_ns: int) -> Dict[str, int]:
    """{inferences, duration_ns} of the calls, one after the other in a thread each, all at once and for so long.

    A stream counts from the common start to the end of the inference in which the time is over; duration_ns is the mean
    of these times. So inferences / duration_ns is the streams' number times the rate of a stream, and no inference is
    counted in part. Until the last one has ended the others go on uncounted: it must not get faster.
    """
    clock = time.perf_counter_ns
    together = threading.Barrier(len(calls))
    counts, spans = [0] * len(calls), [0] * len(calls)
    ended: List[int] = []
    errors: List[BaseException] = []

    def work(index: int, call: Callable[[], Any]) -> None:
        try:
            turn(call, OVERLAPPED_WARM_UP)
            together.wait()
            begun = now = clock()
            count = 0
            while now - begun < duration_ns and not errors:
                call()
                count += 1
                now = clock()
            counts[index], spans[index] = count, now - begun
            ended.append(index)
            while len(ended) < len(calls) and not errors:
                call()
        except threading.BrokenBarrierError:
            pass  # another one failed
        except BaseException as error:
            errors.append(error)
            together.abort()

    threads = [threading.Thread(target=work, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return {"inferences": sum(counts), "duration_ns": max(sum(spans) // len(spans), 1)}


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
