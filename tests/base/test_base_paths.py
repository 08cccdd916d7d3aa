"""Files are written whole or not at all, whatever goes wrong on the way."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bench.base.errors import ExitCode, StorageError
from bench.base.paths import cache_dir, ensure_dir, find_upward, results_dir, write_atomic

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")
WRITE = (
    "import sys; from pathlib import Path; from bench.base.paths import write_atomic; "
    "from bench.base.errors import StorageError\n"
    "try: write_atomic(Path(sys.argv[1]), b'n' * 200_000)\n"
    "except StorageError as error: print(error); raise SystemExit(4)"
)


def test_writes_makes_folders_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.json"
    assert write_atomic(path, b"old") == path
    write_atomic(path, b"new and longer")
    assert path.read_bytes() == b"new and longer"
    assert os.listdir(path.parent) == ["file.json"]


@posix
def test_a_write_that_breaks_off_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(b"old")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)); "
    done = subprocess.run([sys.executable, "-c", limit + WRITE, str(path)], capture_output=True, text=True)
    assert done.returncode == 4, done.stderr
    assert done.stdout.startswith(f"cannot write {path}\nFile too large\n")
    assert "--results" in done.stdout
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["record.json"]


def test_a_full_disk_leaves_the_old_file_alone(tmp_path: Path) -> None:
    if not shutil.which("unshare") or os.geteuid() != 0:
        pytest.skip("needs root and unshare, for a tiny disk of its own")
    # The mount lives in a namespace that ends with the shell.
    script = (
        'mount -t tmpfs -o size=64k tmpfs "$1" || exit 99; printf old >"$1/record.json"; '
        '"$2" -c "$3" "$1/record.json"; code=$?; ls -A "$1"; cat "$1/record.json"; exit $code'
    )
    argv = ["unshare", "--mount", "sh", "-c", script, "sh", str(tmp_path), sys.executable, WRITE]
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode in (1, 99):
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    assert done.returncode == 4, done.stderr
    assert "No space left on device" in done.stdout
    assert done.stdout.endswith("\nrecord.json\nold")


def test_a_target_that_is_a_folder_is_an_error_without_leftovers(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(StorageError) as caught:
        write_atomic(tmp_path / "taken", b"data")
    assert str(tmp_path / "taken") in caught.value.asked
    assert caught.value.exit_code == ExitCode.NOT_MEASURED
    assert os.listdir(tmp_path) == ["taken"]


@pytest.mark.parametrize("below", ["file.json", "sub/file.json"])
def test_a_file_where_a_folder_should_be_is_named_as_such(tmp_path: Path, below: str) -> None:
    (tmp_path / "plain").write_bytes(b"old")
    with pytest.raises(StorageError) as caught:
        write_atomic(tmp_path / "plain" / below, b"data")
    assert "not a folder" in caught.value.found
    with pytest.raises(StorageError, match="not a folder"):
        ensure_dir(tmp_path / "plain" / below)
    assert (tmp_path / "plain").read_bytes() == b"old"


@posix
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_the_mode_is_what_the_user_set_for_new_files(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        path = write_atomic(tmp_path / "report.html", b"<p>")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_name_as_long_as_the_file_system_takes(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250 + ".html")
    assert write_atomic(path, b"data").read_bytes() == b"data"


@posix
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    write_atomic(tmp_path / "link", b"data")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"data"


@posix
def test_what_is_no_file_is_written_to_not_replaced(tmp_path: Path) -> None:
    # As `--output /dev/stdout` is; root must not put a file in its place.
    path = tmp_path / "pipe"
    os.mkfifo(path)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()), daemon=True)
    reader.start()
    write_atomic(path, b"data")
    assert stat.S_ISFIFO(path.stat().st_mode)
    reader.join(10)
    assert got == [b"data"]


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="no /dev/stdout")
def test_standard_output_can_be_named_as_the_file() -> None:
    done = subprocess.run([sys.executable, "-c", WRITE, "/dev/stdout"], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("n" * 200_000, 0), done.stderr
    assert Path("/dev/stdout").is_symlink()


def test_a_reader_never_sees_a_part(tmp_path: Path) -> None:
    path = write_atomic(tmp_path / "file", b"0" * 300_000)
    writers = [
        threading.Thread(target=lambda text=text: [write_atomic(path, text * 300_000) for _ in range(20)])
        for text in (b"1", b"2")
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        data = path.read_bytes()
        assert len(data) == 300_000
        assert len(set(data)) == 1
    assert os.listdir(tmp_path) == ["file"]


def test_ensure_dir_makes_it_and_leaves_it_empty(tmp_path: Path) -> None:
    assert os.listdir(ensure_dir(tmp_path / "x" / "y")) == []


def test_the_folders_are_those_of_the_environment_when_it_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE_DIR", "/somewhere/cache")
    monkeypatch.setenv("BENCH_RESULTS_DIR", "/somewhere/results")
    assert (cache_dir(), results_dir()) == (Path("/somewhere/cache"), Path("/somewhere/results"))
    monkeypatch.setenv("BENCH_CACHE_DIR", "")
    monkeypatch.delenv("BENCH_RESULTS_DIR")
    assert cache_dir().is_absolute()
    assert results_dir().is_absolute()
    assert cache_dir() not in (results_dir(), *results_dir().parents)


def test_find_upward_takes_the_nearest_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    (tmp_path / "bench.toml").write_text("")
    (tmp_path / "a" / "b" / "bench.toml").mkdir()  # a folder of that name is none
    assert find_upward("bench.toml", deep) == tmp_path / "bench.toml"
    (tmp_path / "a" / "bench.toml").write_text("")
    assert find_upward("bench.toml", deep) == tmp_path / "a" / "bench.toml"
    assert find_upward("no such name.toml", deep) is None
    monkeypatch.chdir(deep)
    assert find_upward("bench.toml", Path()) == tmp_path / "a" / "bench.toml"


@posix
def test_find_upward_passes_a_folder_that_may_not_be_looked_into(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "deep").mkdir(parents=True)
    code = (
        "import os, sys; from pathlib import Path; from bench.base.paths import find_upward\n"
        "os.chmod(sys.argv[1], 0)\n"
        "if os.geteuid() == 0: os.seteuid(65534)\n"
        "print(find_upward('bench.toml', Path(sys.argv[1]) / 'deep'))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(closed)], capture_output=True, text=True)
    closed.chmod(0o700)
    assert (done.stdout, done.stderr) == ("None\n", "")
