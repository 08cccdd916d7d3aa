"""One event loop in a thread of its own for all boards: it waits on sockets, and uses no CPU while a board measures."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from functools import lru_cache
from typing import Any, TypeVar

T = TypeVar("T")


@lru_cache(maxsize=1)
def loop() -> asyncio.AbstractEventLoop:
    made = asyncio.new_event_loop()
    threading.Thread(target=made.run_forever, name="ssh", daemon=True).start()
    return made


def wait_for(work: Coroutine[Any, Any, T], timeout_s: float | None = None) -> T:
    """Run it there, and wait for it here. Raises TimeoutError, and what it raises; when we are interrupted, it ends."""
    future = asyncio.run_coroutine_threadsafe(work, loop())
    try:
        return future.result(timeout_s)
    except BaseException:
        future.cancel()
        raise
