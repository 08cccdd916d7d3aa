"""The command lines of trtexec: from a case to flags, and what of them a version lacks."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bench.backends.option import Option
from bench.base.errors import NotMeasuredError
from bench.records.types import Case, TensorSpec

_NUMBER: Final = r"[1-9]\d{0,5}"
_SWITCH: Final = ("", "true")

OPTIONS: dict[str, Option] = {
    "precision": Option(
        ("fp32", "fp16", "int8", "best"), "what layers may compute in: fp32 without TF32, or also fp16, int8, or all"
    ),
    "dla": Option(("", "0", "1"), "build for this DLA core; layers that it does not take run on the GPU"),
    "batch": Option(("",), "items in one inference, of a model whose first dimension is open", pattern=_NUMBER),
    "streams": Option(("",), "inferences at a time, each with a context of its own", pattern=_NUMBER),
    "cuda_graph": Option(_SWITCH, "launch the whole engine as one CUDA graph"),
    "no_transfers": Option(_SWITCH, "leave inputs and outputs on the GPU: no copies between inferences"),
    "spin_wait": Option(_SWITCH, "the CPU waits for the GPU by polling"),
}

# What decides about speed and has another default, or none, in some version: set, where the version knows it.
WORKSPACE_MIB: Final = 1024  # the default was 16 up to 8.3, and is all of the GPU's memory since
_ALIGNED: Final[tuple[tuple[str, str], ...]] = (
    ("builderOptimizationLevel", "3"),
    ("minTiming", "1"),
    ("avgTiming", "8"),
    ("sparsity", "disable"),
)
_PRECISION: Final = {"fp32": (), "fp16": ("fp16",), "int8": ("int8",), "best": ("best",)}
# The log would have a line per so many inferences; the samples stand in the file of --exportTimes.
_AVERAGED: Final = "1000000"
_LEAST: Final = "10"


@dataclass(frozen=True)
class Build:
    """Flags of an engine's build without paths, and what the version lacks of what makes versions comparable."""

    flags: tuple[str, ...]
    lacking: tuple[str, ...] = ()


def build(case: Case, inputs: Sequence[TensorSpec], known: Container[str]) -> Build:
    """Raises NotMeasuredError for a precision, DLA or batch that this version, or the model, cannot have."""
    flags: list[str] = []
    lacking: list[str] = []
    for name in _PRECISION[case.options.get("precision", "fp32")]:
        if name not in known:
            raise NotMeasuredError(
                f"cannot build with --{name}",
                "This TensorRT has no such flag: since 11, the types in the file alone decide.",
                "Give a model that is in that precision itself, without the option precision.",
            )
        flags.append(f"--{name}")
    for name in ("noTF32",) if case.options.get("precision", "fp32") == "fp32" else ():
        (flags if name in known else lacking).append(f"--{name}")
    if "memPoolSize" in known:
        flags.append(f"--memPoolSize=workspace:{WORKSPACE_MIB}")
    else:
        (flags if "workspace" in known else lacking).append(f"--workspace={WORKSPACE_MIB}")
    for name, value in _ALIGNED:
        (flags if name in known else lacking).append(f"--{name}={value}")
    if "explicitBatch" in known:
        flags.append("--explicitBatch")
    flags += _detail(known)
    if "dla" in case.options:
        flags += [f"--useDLACore={case.options['dla']}", "--allowGPUFallback"]
    flags += of_shapes(shapes(case, inputs))
    return Build(tuple(flags), tuple(lacking))


def _detail(known: Container[str]) -> list[str]:
    """So that the layer info tells which nodes of the model a layer is; it changes no kernel."""
    if "profilingVerbosity" in known:
        return ["--profilingVerbosity=detailed"]
    return ["--nvtxMode=verbose"] if "nvtxMode" in known else []


def shapes(case: Case, inputs: Sequence[TensorSpec]) -> dict[str, tuple[int, ...]]:
    """The shape of each input that the file leaves open, the batch in it. Raises NotMeasuredError for a fixed batch."""
    batch = int(case.options.get("batch", "0"))
    found: dict[str, tuple[int, ...]] = {}
    for spec in inputs:
        asked = case.shapes.get(spec.name, spec.shape)
        if batch and spec.shape:
            if spec.shape[0] not in (-1, batch):
                raise NotMeasuredError(
                    f"cannot run batches of {batch}",
                    f"Input {spec.name} of the model has a fixed first dimension of {spec.shape[0]}.",
                    "Export the model with an open batch dimension, or use --option streams=N.",
                )
            asked = (batch, *asked[1:])
        if spec.dynamic:
            found[spec.name] = asked
        elif asked != spec.shape:
            raise NotMeasuredError(
                f"cannot give input {spec.name} the shape {'x'.join(map(str, asked))}",
                f"The file fixes it: {'x'.join(map(str, spec.shape))}.",
                "Export the model with open dimensions.",
            )
    return found


def of_shapes(found: Mapping[str, tuple[int, ...]]) -> list[str]:
    if not found:
        return []
    return ["--shapes=" + ",".join(f"{name}:{'x'.join(map(str, shape))}" for name, shape in found.items())]


def build_only(known: Container[str]) -> list[str]:
    """How this version is told not to measure after building: by one of two names, else by measuring little."""
    name = next((each for each in ("skipInference", "buildOnly") if each in known), "")
    return [f"--{name}"] if name else ["--iterations=1", "--duration=0", "--warmUp=0"]


def of_time(seconds: float, warmup_s: float) -> list[str]:
    """Whole seconds, since versions before 8.6 cut fractions off; ten inferences at least."""
    return [
        f"--duration={max(1, round(seconds))}",
        f"--warmUp={max(1, round(warmup_s * 1000))}",
        f"--iterations={_LEAST}",
        f"--avgRuns={_AVERAGED}",
    ]


def of_run(case: Case, inputs: Sequence[TensorSpec], known: Container[str]) -> list[str]:
    """Of a run of the engine. Raises NotMeasuredError where the version has no such thing."""
    wanted = {
        "cuda_graph": "useCudaGraph",
        "no_transfers": "noDataTransfers",
        "spin_wait": "useSpinWait",
    }
    flags = [f"--{flag}" for option, flag in wanted.items() if case.options.get(option) == "true"]
    if case.options.get("streams", "1") != "1":
        name = "infStreams" if "infStreams" in known else "streams"
        flags.append(f"--{name}={case.options['streams']}")
    if "dla" in case.options:
        flags.append(f"--useDLACore={case.options['dla']}")
    flags += of_shapes(shapes(case, inputs))
    for flag in flags:
        name = flag[2:].partition("=")[0]
        if name not in known:
            raise NotMeasuredError(f"cannot run with {flag}", f"This trtexec has no --{name}.", "Leave the option out.")
    return flags


def of_inputs(files: Mapping[str, str], known: Container[str], quoted: bool) -> list[str] | None:
    """The seeded inputs: input -> its file on the device; None where a name cannot be written in trtexec's list.

    quoted: names may stand in quotation marks, which those with a colon or a comma need.
    """
    awkward = [name for name in files if not name or set(name) & set(":,'\"\\")]
    if "loadInputs" not in known or any(set(name) & set("'\"\\") or not name for name in awkward):
        return None
    if awkward and not quoted:
        return None
    written = (f"'{name}':{path}" if name in awkward else f"{name}:{path}" for name, path in files.items())
    return ["--loadInputs=" + ",".join(written)]


def of_profile(known: Container[str]) -> list[str]:
    """Without its path; the profiler has a run of its own behind the timed one, where the version can do that."""
    return ["--dumpProfile", *(["--separateProfileRun"] if "separateProfileRun" in known else [])]
