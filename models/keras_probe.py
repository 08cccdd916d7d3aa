"""Which of the packages that make Keras models a Python has. Standard library only, and imports none of them.

Run by path in another Python it prints JSON; the harness calls found() for its own.
"""

from __future__ import annotations

import json
from importlib import metadata, util

# module -> distributions that bring it
PACKAGES = {
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-intel", "tensorflow-macos", "tf-nightly"),
    "keras": ("keras", "keras-nightly"),
    "tf2onnx": ("tf2onnx",),
}


def found() -> dict[str, str]:
    """Module -> version, `unknown` where no distribution tells; without those that are not there."""
    return {module: _version(names) for module, names in PACKAGES.items() if util.find_spec(module) is not None}


def _version(distributions: tuple[str, ...]) -> str:
    for name in distributions:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "unknown"


if __name__ == "__main__":
    print(json.dumps(found()))
