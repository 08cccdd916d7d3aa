"""Which flags a trtexec has, from its own `--help`; it ends with `Unknown option` at others.

A flag is a line `  --name=N   meaning`, in some versions with a short form or several names (`--help, -h`).
"""

from __future__ import annotations

import re
from typing import Final

from bench.backends.tensorrt import log
from bench.backends.tflite.help import Capabilities, Flag

_FLAG: Final = re.compile(r"\s{1,8}--(\w+)(?:=(\S+))?(?:,? .*|)")
_TITLE: Final = re.compile(r"=== .+ Options ===")


def parse_help(text: str) -> Capabilities:
    """program: `TensorRT 8.0.1`, or `TensorRT` where the version is not told. No flags where it is another's help."""
    version = log.parse(text).version
    flags: dict[str, Flag] = {}
    titled = False
    for line in text.split("\n"):
        match = _FLAG.fullmatch(line.rstrip())
        titled = titled or bool(_TITLE.search(line))
        if match and titled:
            meaning = line.strip()
            flags.setdefault(match[1], Flag(name=match[1], type="string" if match[2] else None, meaning=meaning))
    return Capabilities(program=f"TensorRT {version}".strip(), flags=flags)


def version_of(found: Capabilities) -> str:
    return found.program.removeprefix("TensorRT").strip()
