"""Commands that any login shell hands on unread to /bin/sh, and finding their output behind whatever it prints first.

sshd gives a command to the user's login shell, be it bash, fish or csh, each with quoting of its own, and each reading
a profile that may print. So the command is spelled in signs that mean the same to all of them, and begins with a mark.
"""

from __future__ import annotations

# Within single quotes all others stand for themselves everywhere: csh knows ! there, and ends them at a line's end;
# fish knows \\ and \', and nothing else behind a backslash.
_SPELLED = frozenset("\\'!\x7f")
_WORD = 800  # signs: old csh takes no longer words
_START = 'exec /bin/sh -c \'IFS= ; c=$(printf %b "$*"); unset IFS; set --; eval "$c"\' sh'
_NOISE_BYTES = 4096


def enclosed(script: str, mark: str) -> str:
    """The command line for a login shell that runs `script` in /bin/sh, after `mark` on both of its streams."""
    words = [""]
    for sign in f"echo {mark}; echo {mark} >&2\n{script}":
        spelled = _spelled(sign)
        if len(words[-1]) + len(spelled) > _WORD:
            words.append("")
        words[-1] += spelled
    return " ".join([_START, *(f"'{word}'" for word in words)])


def _spelled(sign: str) -> str:
    if " " <= sign <= "~" and sign not in _SPELLED:
        return sign
    # of printf's %b: a backslash, 0, three octal digits
    return "".join(f"\\0{byte:03o}" for byte in sign.encode("utf-8", "surrogateescape"))


class Behind:
    """Takes a stream in pieces, and gives what comes after the line that ends with the mark."""

    def __init__(self, mark: str) -> None:
        self._mark = mark.encode() + b"\n"
        self._before = b""
        self.found = False

    def feed(self, data: bytes) -> bytes:
        if self.found:
            return data
        self._before += data
        noise, mark, rest = self._before.partition(self._mark)
        if mark:
            self.found = True
            self._before = noise[-_NOISE_BYTES:]
            return rest
        self._before = self._before[-_NOISE_BYTES:]
        return b""

    @property
    def noise(self) -> str:
        """What came before the mark, or all there was: the end of it."""
        return self._before.decode("utf-8", "replace").strip()
