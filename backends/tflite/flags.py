"""The command lines of `benchmark_model` and `benchmark_litert_model`: from a case to flags."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from bench.records.types import Case, TensorSpec

# Set for every accelerator: XNNPACK would take the graph before the delegate that was asked for, and the tool would
# still print that the delegate executes all of it.
_NO_XNNPACK = {"use_xnnpack": "false"}
_CLASSIC: dict[str, dict[str, str]] = {
    "cpu": {},
    "gpu": {"use_gpu": "true", **_NO_XNNPACK},
    "nnapi": {"use_nnapi": "true", "disable_nnapi_cpu": "true", **_NO_XNNPACK},
    "hexagon": {"use_hexagon": "true", **_NO_XNNPACK},
    "external": dict(_NO_XNNPACK),
}
_LITERT2: dict[str, dict[str, str]] = {
    "cpu": {"use_cpu": "true"},
    "gpu": {"use_gpu": "true"},
    "npu": {"use_npu": "true"},
}
_ACCELERATORS = {"benchmark_model": _CLASSIC, "benchmark_litert_model": _LITERT2}
# Options that are no flags; hexagon_profiling only means something beside the op profile.
_NOT_FLAGS = ("taskset", "serialize", "hexagon_profiling")
_UNSAFE = frozenset(",\\")


def of_case(case: Case, model: str, files: Mapping[str, str], scratch: str, known: Container[str]) -> list[str]:
    """Graph, threads, accelerator, options. files: option -> its path on the device; known: the flags of the build.

    A build without `use_xnnpack` is from before XNNPACK applied itself, so that it need not be switched off.
    """
    flags = {"graph": model, "num_threads": str(case.threads)}
    flags |= _ACCELERATORS[case.backend][case.accelerator]
    if flags.get("use_xnnpack") == "false" and "use_xnnpack" not in known:
        del flags["use_xnnpack"]
    flags |= {key: files.get(key, value) for key, value in case.options.items() if key not in _NOT_FLAGS}
    if case.options.get("serialize") == "true":
        flags |= {"delegate_serialize_dir": scratch, "delegate_serialize_token": "bench"}
    return _written(flags)


def lacking(case: Case, known: Container[str]) -> str:
    """The flag of the case's accelerator that the build does not have; empty when it has all."""
    needed = [name for name in _ACCELERATORS[case.backend][case.accelerator] if name.startswith("use_")]
    return next((name for name in needed if name not in known and name != "use_xnnpack"), "")


def of_inputs(inputs: Sequence[tuple[TensorSpec, tuple[int, ...], str]]) -> list[str] | None:
    """For (input, its shape, its file on the device); None where a name cannot be written in the tool's own lists."""
    if any(_UNSAFE & set(spec.name) or not spec.name for spec, _, _ in inputs):
        return None
    files = (f"{_escaped(spec.name)}:{path}" for spec, _, path in inputs)
    return _written(
        {
            "input_layer": ",".join(spec.name for spec, _, _ in inputs),
            "input_layer_shape": ":".join(",".join(map(str, shape)) for _, shape, _ in inputs),
            "input_layer_value_files": ",".join(files),
        }
    )


def _escaped(name: str) -> str:
    return name.replace(":", "\\:")


def of_time(seconds: float, warmup_s: float) -> list[str]:
    """One run at least, then as many as fill the seconds: a slow model is not run fifty times."""
    return _written(
        {
            "num_runs": "1",
            "min_secs": f"{seconds:g}",
            "warmup_runs": "1",
            "warmup_min_secs": f"{warmup_s:g}",
        }
    )


def of_profile(case: Case) -> list[str]:
    """Op times as text on stdout: every version has that, and it stays in the transcript as the tool printed it."""
    if case.backend == "benchmark_litert_model":
        return _written({"use_profiler": "true"})
    flags = {"enable_op_profiling": "true"}
    if case.options.get("hexagon_profiling"):
        flags["hexagon_profiling"] = case.options["hexagon_profiling"]
    return _written(flags)


def prefix(case: Case) -> list[str]:
    """What stands before the program: CPU affinity."""
    return ["taskset", case.options["taskset"].removeprefix("0x")] if "taskset" in case.options else []


def _written(flags: Mapping[str, str]) -> list[str]:
    return [f"--{name}={value}" for name, value in flags.items()]
