"""What a runtime says on stderr while it loads, where that is the only place that tells something."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from typing import Iterator, List


@contextlib.contextmanager
def overheard() -> Iterator[List[str]]:
    """The lines that are written to stderr inside, known when the context is left; they still go where they went.

    `tee` does it, not a thread of ours: a runtime that holds Python's lock would block that, and what it said before
    it crashed must come through. Where there is no `tee`, nothing is overheard.
    """
    lines: List[str] = []
    sys.stderr.flush()
    with tempfile.NamedTemporaryFile(prefix="bench-said-") as copy:
        real = os.dup(2)
        try:
            tee = subprocess.Popen(["tee", copy.name], stdin=subprocess.PIPE, stdout=real, close_fds=True)
        except OSError:
            os.close(real)
            yield lines
            return
        assert tee.stdin is not None
        try:
            os.dup2(tee.stdin.fileno(), 2)
            tee.stdin.close()
            yield lines
        finally:
            os.dup2(real, 2)  # closes the pipe's last end: tee leaves
            os.close(real)
            tee.wait()
            copy.seek(0)
            lines += copy.read().decode("utf-8", "replace").splitlines()
