"""What another device has room for and what its files are called: pure, from what its `df` and `stat` print."""

from __future__ import annotations

from bench.base.paths import portable


def safe_name(name: str) -> str:
    """A file's name as any device takes it: its last 200 bytes, and _ for control characters; else it stays."""
    whole = "".join(sign if sign.isprintable() and sign != "/" else "_" for sign in portable(name))
    return whole.encode()[-200:].decode("utf-8", "ignore")


def parse_df(text: str) -> int | None:
    """The bytes that are free, of `df -k PATH`; None when it does not say."""
    columns = text.strip().splitlines()[-1].split() if text.strip() else []
    numbers = [column for column in columns[1:] if column.isascii() and column.isdecimal()]
    return int(numbers[2]) * 1024 if len(numbers) >= 3 else None


def parse_listing(text: str) -> list[tuple[int, int, str]]:
    """(last use in s, bytes, path) of each line of `stat -c '%Y %s %n'`, the least recently used first."""
    rows = [line.split(" ", 2) for line in text.splitlines()]
    return sorted((int(row[0]), int(row[1]), row[2]) for row in rows if len(row) == 3 and row[0].isdecimal())


def to_remove(kept: list[tuple[int, int, str]], used: set[str], size: int, limit: int, free: int | None) -> list[str]:
    """The paths that must go so that `size` bytes more stay below `limit` and fit into `free` (None: not known)."""
    total = sum(row[1] for row in kept)
    gone: list[str] = []
    for _, one, path in kept:
        if total + size <= limit and (free is None or size <= free):
            break
        if path not in used:
            gone.append(path)
            total -= one
            free = None if free is None else free + one
    return gone


def storage_words(said: str, disk: str) -> tuple[str, str]:
    """(found, todo) of a failure to write there. disk: what a person calls it."""
    if "No space left" in said or "Disk quota" in said:
        return f"its {disk} is full ({said})", "Free some space there, or remove what bench left: bench devices clean."
    return said, ""
