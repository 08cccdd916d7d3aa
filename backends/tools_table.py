"""Which native measuring tools there are, and where they are published. Pure data: loads nothing heavy.

All published files are nightly builds: what an address gives changes, so no hash can stand here. `unverified` is what
was not checked from a machine with a network; a fetch records what came (`tools_fetch`).
"""

from __future__ import annotations

from typing import Final

import msgspec

from bench.backends.tools_elf import System
from bench.base.errors import UsageError, did_you_mean

UNVERIFIED: Final = "unverified"


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """A published file. file: its name there, with the folder where that tells the platform.

    sha256: `unverified`, since the content changes. reachable: the day (ISO 8601) on which the address was last seen to
    give such a file, or `unverified`.
    """

    system: System
    abi: str
    base: str
    file: str
    sha256: str = UNVERIFIED
    reachable: str = UNVERIFIED

    @property
    def address(self) -> str:
        return f"{self.base}/{self.file}"


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that a device may run. source: the page that lists its builds, and how to build it."""

    name: str
    title: str
    licence: str
    source: str
    builds: tuple[Build, ...]


_TENSORFLOW = (
    "https://storage.googleapis.com/tensorflow-nightly-public/prod/tensorflow/release/lite/tools/nightly/latest"
)
_LITERT = "https://storage.googleapis.com/litert/binaries/latest"
_ARM64, _ARM32, _X86_64 = "arm64-v8a", "armeabi-v7a", "x86_64"

TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool(
            name="benchmark_model",
            title="TensorFlow Lite's benchmark tool (Interpreter)",
            licence="Apache-2.0",
            source="https://ai.google.dev/edge/litert/models/measurement",
            builds=(
                Build(system="android", abi=_ARM64, base=_TENSORFLOW, file="android_aarch64_benchmark_model"),
                Build(system="android", abi=_ARM32, base=_TENSORFLOW, file="android_arm_benchmark_model"),
                Build(system="linux", abi=_X86_64, base=_TENSORFLOW, file="linux_x86-64_benchmark_model"),
                Build(system="linux", abi=_ARM64, base=_TENSORFLOW, file="linux_aarch64_benchmark_model"),
                Build(system="linux", abi=_ARM32, base=_TENSORFLOW, file="linux_arm_benchmark_model"),
            ),
        ),
        Tool(
            name="benchmark_litert_model",
            title="LiteRT's benchmark tool (CompiledModel)",
            licence="Apache-2.0",
            source="https://ai.google.dev/edge/litert/next/benchmark",
            # Published under the name of the older tool; `family` of its --help tells which of the two a file is.
            builds=(
                Build(system="android", abi=_ARM64, base=_LITERT, file="android_arm64/benchmark_model"),
                Build(system="linux", abi=_X86_64, base=_LITERT, file="linux_x86_64/benchmark_model"),
                Build(system="linux", abi=_ARM64, base=_LITERT, file="linux_arm64/benchmark_model"),
            ),
        ),
        Tool(
            name="trtexec",
            title="TensorRT's benchmark tool",
            licence="of NVIDIA; comes with TensorRT",
            source="https://github.com/NVIDIA/TensorRT/tree/main/samples/trtexec",
            builds=(),  # published with TensorRT only
        ),
    )
}

# Android's name of an ABI -> how others write it, in file names too
ABIS: dict[str, tuple[str, ...]] = {
    "arm64-v8a": ("aarch64", "arm64"),
    "armeabi-v7a": ("arm", "armv7", "armv7l", "armhf", "armv8l"),
    "x86_64": ("x86-64", "amd64"),
    "x86": ("i386", "i686"),
    "riscv64": (),
}


def tool(name: str) -> Tool:
    """Raises UsageError with the nearest names."""
    if name not in TOOLS:
        raise UsageError(f"no tool is called {name!r}", "", did_you_mean(name, TOOLS))
    return TOOLS[name]


def abi(text: str) -> str:
    """Android's name of an ABI that may be written in another way. Raises UsageError with the nearest names."""
    folded = text.strip().lower()
    for name, others in ABIS.items():
        if folded == name or folded in others:
            return name
    raise UsageError(f"no ABI is called {text!r}", "", did_you_mean(folded, ABIS))


def build(name: str, system: System, abi: str) -> Build | None:
    """The published file for a system and an ABI; None where there is none."""
    return next((each for each in tool(name).builds if (each.system, each.abi) == (system, abi)), None)
