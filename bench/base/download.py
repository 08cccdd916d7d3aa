"""Getting a small file over HTTP: bounded in size, time and tries. Kept in memory: nothing is left half done."""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable

import msgspec

from bench import __version__

_CHUNK_BYTES = 1 << 16
_LONGEST_PAUSE_S = 20.0
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_NO_NETWORK = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN})

# report(received_bytes, announced_bytes): announced is None where the server does not say
Report = Callable[[int, int | None], None]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """timeout_s: how long nothing may come; whole_s: for one try; pause_s: before the second try, then doubled."""

    timeout_s: float = 30.0
    whole_s: float = 600.0
    tries: int = 3
    pause_s: float = 1.0


class NotFetched(Exception):
    """why: one sentence for the user. passing: another try may go better. offline: nothing outside was reached."""

    def __init__(self, why: str, *, passing: bool = False, offline: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.passing = passing
        self.offline = offline


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a server gave. last_modified, etag: its own words for which content this is; None where it said nothing."""

    content: bytes
    last_modified: str | None = None
    etag: str | None = None


def download(address: str, most_bytes: int, limits: Limits, report: Report) -> bytes:
    """The content alone of what `ask` gives."""
    return ask(address, most_bytes, limits, report).content


def ask(address: str, most_bytes: int, limits: Limits, report: Report) -> Answer:
    """What is behind an http or https address; redirects and the system's proxies are followed.

    Whole where the server announced its size; of more than `most_bytes`, only somewhat more than that is read.
    Raises NotFetched after the last try, or at once where another would go no better.
    """
    for number in range(1, limits.tries + 1):
        try:
            return _once(address, most_bytes, limits, report)
        except NotFetched as error:
            if not error.passing or number >= limits.tries:
                raise NotFetched(_counted(error.why, number), offline=error.offline) from None
        time.sleep(min(limits.pause_s * 2 ** (number - 1), _LONGEST_PAUSE_S))
    raise NotFetched("No try was allowed.")


def _counted(why: str, tries: int) -> str:
    return why if tries == 1 else f"{why} It was tried {tries} times."


def _once(address: str, most_bytes: int, limits: Limits, report: Report) -> Answer:
    try:
        request = urllib.request.Request(address, headers={"User-Agent": f"bench/{__version__}"})
        with urllib.request.urlopen(request, timeout=limits.timeout_s) as response:
            if not isinstance(response, http.client.HTTPResponse):
                raise NotFetched("It leads away from the web.")  # a redirect to ftp
            content = _body(response, most_bytes, time.monotonic() + limits.whole_s, report)
            return Answer(
                content=content, last_modified=response.headers["Last-Modified"], etag=response.headers["ETag"]
            )
    except urllib.error.HTTPError as error:
        error.close()
        raise NotFetched(
            f"The server answers {error.code} {_phrase(error.code)}.", passing=error.code in _TRY_AGAIN
        ) from None
    except urllib.error.URLError as error:
        raise _failed(error.reason, limits) from None
    except http.client.IncompleteRead as error:
        raise NotFetched(f"The transfer was cut off after {len(error.partial):,} bytes.", passing=True) from None
    except (OSError, http.client.HTTPException, ValueError, OverflowError) as error:
        raise _failed(error, limits) from None


def _phrase(code: int) -> str:
    return http.client.responses.get(code, "(no known answer)")  # what the server calls it may be anything


def _body(response: http.client.HTTPResponse, most_bytes: int, until: float, report: Report) -> bytes:
    announced = response.length
    data = bytearray()
    while len(data) <= most_bytes:
        chunk = response.read1(_CHUNK_BYTES)  # what is there: read() would wait for all of a slow server's chunk
        if not chunk:
            break
        data += chunk
        report(len(data), announced)
        if time.monotonic() > until:
            raise NotFetched(f"It takes too long: {len(data):,} bytes so far.", passing=True)
    if announced is not None and len(data) < announced and len(data) <= most_bytes:
        found = f"The transfer was cut off after {len(data):,} of {announced:,} bytes."
        raise NotFetched(found, passing=True)
    return bytes(data)


def _failed(reason: object, limits: Limits) -> NotFetched:
    """What a failure below HTTP means to the user."""
    if isinstance(reason, TimeoutError):
        return NotFetched(f"Nothing came within {limits.timeout_s:g} s.", passing=True)
    if isinstance(reason, socket.gaierror):
        return NotFetched(f"No network: the server's name is not found ({reason.strerror}).", offline=True)
    if isinstance(reason, OSError) and reason.errno in _NO_NETWORK:
        return NotFetched(f"No network: {reason.strerror}.", offline=True)
    if isinstance(reason, ConnectionRefusedError):
        return NotFetched("Nothing answers there (connection refused): no network, or a proxy is down.", offline=True)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return NotFetched(f"The server's certificate is not trusted: {reason.verify_message}.")
    if isinstance(reason, ConnectionError | ssl.SSLError | http.client.RemoteDisconnected):
        return NotFetched("The connection was broken off.", passing=True)
    return NotFetched(f"It failed: {reason or type(reason).__name__}.")
