"""A setting of a backend that makes another case."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Option:
    """values: what it may be, the default first; pattern: instead, what free text must match whole.

    An option that is left at "" does not stand in the case: the runtime or tool does as it does without it.
    accelerators: that have it; empty: all. needed: there is no case without it.
    file: a file or folder of this host that the device needs, or a path there.
    """

    values: tuple[str, ...]
    meaning: str
    accelerators: tuple[str, ...] = ()
    pattern: str = ""
    file: bool = False
    needed: bool = False

    def allows(self, value: str) -> bool:
        return re.fullmatch(self.pattern, value) is not None if self.pattern else value in self.values

    def concerns(self, accelerator: str) -> bool:
        return not self.accelerators or accelerator in self.accelerators
