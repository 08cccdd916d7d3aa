"""What watches over our programs on a board: when we are gone, whatever the reason, it ends them.

It is a small shell script of a session of its own. It reads its stdin, which is our connection: when that ends, or when
no beat came for a while (a cable pulled out ends nothing there), every process that carries our mark is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets

from bench.base.errors import NotMeasuredError
from bench.devices.remote import SHORT_S
from bench.devices.remote_jobs import FIND, KILL, pattern
from bench.devices.ssh_link import SshLink
from bench.devices.ssh_loop import loop
from bench.devices.ssh_stream import Stream

BEAT_S = 20.0  # between two beats: a few bytes, which take the board less than a thousandth of that
SILENCE_S = 60  # without a beat: we are gone. It may take up to twice that.
_SCRIPT = """\
trap '' HUP INT PIPE
sweep() {{
  # A program that is just being started comes into sight a moment later.
  for pause in 0 0.2 0.5 1; do sleep $pause; {find}{kill} done
}}
watch() {{
  heard=1 nap=
  trap 'heard=1' USR1
  trap 'kill $nap; exit' TERM
  while [ $heard = 1 ]; do
    heard=0
    sleep {silence} & nap=$!
    while kill -0 $nap 2>/dev/null; do wait $nap; done
  done
  sweep
  kill -9 $$
}}
watch </dev/null >/dev/null 2>&1 & watcher=$!
echo $$
while read -r beat; do kill -USR1 $watcher; done
exec >/dev/null 2>&1
kill $watcher
sweep
"""


class Keeper:
    """The script of one connection; started again with the next one. mark: what all our programs on it carry."""

    def __init__(self, link: SshLink, key: str) -> None:
        """key: of the place there, so that jobs of earlier runs can be told from those of another place."""
        self._link = link
        self._key = key
        self._connections = 0
        self._stream: Stream | None = None
        self._process_id = 0
        self.mark = ""

    def guard(self) -> str:
        """What stands before a program in its shell's script: without a keeper nothing is started.

        Starts the keeper where there is none. Raises NotMeasuredError.
        """
        if self._stream is None or self._stream.ended.is_set() or self._connections != self._link.connections:
            self._start()
        return f"kill -0 {self._process_id} 2>/dev/null || {{ echo 'the connection was cut' >&2; exit 126; }}; "

    def _start(self) -> None:
        first: asyncio.Queue[bytes] = asyncio.Queue()

        def take(of_stderr: bool, data: bytes) -> None:
            first.put_nowait(data)

        # A new one each time: the keeper of a lost connection must not end what runs on the next.
        self.mark = f"{self._key}/{secrets.token_hex(6)}"
        find = FIND.format(pattern=pattern(self.mark + "/"))
        script = _SCRIPT.format(find=find, kill=KILL, silence=f"{SILENCE_S:g}")
        asked = f"cannot watch over programs on {self._link.title}"
        with self._link.errors(asked, SHORT_S):
            self._stream = self._link.open(script, take, lambda _: first.put_nowait(b""))
            told = asyncio.run_coroutine_threadsafe(asyncio.wait_for(first.get(), SHORT_S), loop()).result()
        if not told.strip().isdigit():
            raise NotMeasuredError(asked, told.decode("utf-8", "replace").strip() or self._stream.noise)
        self._process_id = int(told)
        self._connections = self._link.connections
        asyncio.run_coroutine_threadsafe(self._beat(self._stream), loop())

    async def _beat(self, stream: Stream) -> None:
        while not stream.ended.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stream.ended.wait(), BEAT_S)
            stream.write(b"\n")
