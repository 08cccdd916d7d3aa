"""What a runtime's adapter provides. One adapter is one file beside this one, named adapter_NAME.py."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Tuple

# JSON objects of the protocol
Json = Dict[str, Any]


class Refused(Exception):
    """The runtime is missing, or will not take this model or option. todo: what the user can do about it."""

    def __init__(self, message: str, todo: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.todo = todo


class Adapter:
    """One loaded model in one runtime.

    sync: how `invoker` makes sure that a sample ends when the result is ready; it is written into every record.
    scratch: a folder that all invocations of a case share and that goes with it; empty: there is none.
    """

    name = ""
    sync = ""
    scratch = ""

    def __init__(self, accelerator: str, threads: int, options: Dict[str, str]) -> None:
        self.accelerator = accelerator
        self.threads = threads
        self.options = options

    def version(self) -> str:
        """Import the runtime and give its version. Raises Refused when it is missing."""
        raise NotImplementedError

    def load(self, path: str, shapes: Dict[str, List[int]], trace: str) -> None:
        """Make the model ready to run. shapes: input name -> shape, for inputs that are dynamic in the file.

        trace: a folder for what profiling writes, when `profile` will be called; else empty.
        """
        raise NotImplementedError

    def tensors(self) -> Tuple[List[Json], List[Json]]:
        """Inputs and outputs as {name, dtype, shape}, in the runtime's order.

        A quantized tensor has {scale, zero_point} too, where the runtime tells: value = (stored - zero_point) * scale.
        """
        raise NotImplementedError

    def set_inputs(self, arrays: List[Any]) -> None:
        """Put numpy arrays where the runtime will read them, in the order of `tensors`."""
        raise NotImplementedError

    def invoker(self) -> Callable[[], Any]:
        """The call that is timed: it returns when the result is ready, and does nothing else."""
        raise NotImplementedError

    def streams(self) -> int:
        """How many inferences are to be under way at once when throughput is measured; 1: it is not measured apart."""
        return int(self.options.get("streams") or 1)

    def overlapping(self, streams: int) -> Tuple[List[Callable[[], Any]], str]:
        """`streams` calls for as many Python threads at once, and in words who computes them and with which threads.

        Each has the inputs of `set_inputs` and room for outputs of its own, and returns when its result is ready; the
        work lets go of Python's lock. Raises Refused where the runtime runs one inference at a time.
        """
        raise Refused("%s runs one inference at a time here" % self.name, "Leave --streams out.")

    def outputs(self) -> List[Any]:
        """The outputs of the last inference as numpy arrays of their own memory."""
        raise NotImplementedError

    def io_calls(self) -> Optional[Tuple[Callable[[], Any], Callable[[], Any]]]:
        """Calls that copy the inputs in and read the outputs out, to be timed apart; None: cannot be separated."""
        return None

    def placement(self) -> Json:
        """{kind, delegate, nodes, total, partitions, evidence, reason}, as bench.records.types.Placement has it."""
        raise NotImplementedError

    def settings(self) -> Dict[str, str]:
        """What the runtime itself reports about how it runs."""
        return {}

    def profile(self, inferences: int) -> Json:
        """{source, inferences, total_ns, rows, notes}; times are sums over the inferences.

        rows: {position, op_type, name, time_ns, calls, source_ops, where}. Raises Refused when there is no profile.
        """
        raise NotImplementedError


def shape_mismatch(name: str, wanted: List[int], found: List[int]) -> Refused:
    return Refused(
        "input %s has the shape %s and cannot take %s" % (name, found, wanted),
        "Give one size per dimension: --shape %s=%s" % (name, ",".join(str(abs(size)) for size in found)),
    )
