"""bench.toml: found upward, validated to the last key, and its defaults."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.base.errors import ExitCode, UsageError
from bench.run.config import FILE_NAME, Config, RunDefaults, load, parse

HERE = Path("/somewhere/bench.toml")
OURS = Path(__file__).parents[2] / FILE_NAME


def toml(folder: Path, text: str | bytes) -> Path:
    path = folder / FILE_NAME
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refused(table: dict[str, Any]) -> UsageError:
    with pytest.raises(UsageError) as caught:
        parse(table, HERE)
    assert caught.value.exit_code == ExitCode.USAGE
    assert caught.value.asked.startswith(f"{HERE}: ")
    return caught.value


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    config = load(tmp_path)
    assert config == Config()
    assert (config.run, config.devices, config.path, config.results) == (RunDefaults(), {}, None, None)


@pytest.mark.parametrize("text", ["", "# nothing\n", "[run]\n", "[devices]\n"])
def test_an_empty_file_changes_nothing(tmp_path: Path, text: str) -> None:
    path = toml(tmp_path, text)
    config = load(tmp_path)
    assert (config.run, config.devices, config.path) == (RunDefaults(), {}, path)


def test_the_promised_defaults() -> None:
    run = RunDefaults()
    assert (run.device, run.variant, run.threads, run.profile, run.time_s) == ("local", "fp32", 1, True, 10.0)
    assert (run.backend, run.accelerator, run.results, run.invocations) == ("", "", "", 5)


@pytest.mark.skipif(not OURS.is_file(), reason="the commented bench.toml lies in the repository only")
def test_the_commented_file_shows_every_key_with_its_default() -> None:
    config = load(OURS.parent)
    assert config.path == OURS
    assert config.run == RunDefaults()
    assert set(tomllib.loads(OURS.read_text())["run"]) == set(RunDefaults.__struct_fields__)
    commented = re.findall(r"^# (\[devices\..*\]|\w+ = .*)$", OURS.read_text(), re.MULTILINE)
    assert parse(tomllib.loads("\n".join(commented)), HERE).devices


def test_values_are_taken() -> None:
    table = {"device": "pixel", "threads": 4, "time_s": 3, "profile": False, "results": "r"}
    run = parse({"run": table}, HERE).run
    assert run == RunDefaults(device="pixel", threads=4, time_s=3.0, profile=False, results="r")
    assert isinstance(run.time_s, float)


def test_the_nearest_file_above_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    path = toml(tmp_path, "[run]\nthreads = 2\nresults = 'records'\n")
    config = load(deep)
    assert (config.run.threads, config.path, config.results) == (2, path, tmp_path / "records")
    monkeypatch.chdir(deep)
    assert load(Path()).path == path
    nearer = toml(tmp_path / "a", "[run]\nthreads = 3\n")
    assert load(deep).run.threads == 3
    assert load(deep, path).run.threads == 2
    nearer.unlink()


def test_results_are_relative_to_the_file_and_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    toml(tmp_path / "sub", "[run]\nresults = 'records'\n")
    assert load(tmp_path, Path("sub") / FILE_NAME).results == tmp_path / "sub" / "records"
    assert parse({"run": {"results": "/data/records"}}, HERE).results == Path("/data/records")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parse({"run": {"results": "~/records"}}, HERE).results == tmp_path / "records"


@pytest.mark.parametrize(
    ("table", "where", "todo"),
    [
        ({"run": {"thread": 2}}, "[run] thread is no known key", "Did you mean threads?"),
        ({"run": {"Time_S": 2}}, "[run] Time_S is no known key", "Did you mean time_s"),
        ({"run": {"zzz": 2}}, "[run] zzz is no known key", "Known: accelerator, backend, cool_c, "),
        ({"runs": {"threads": 2}}, "[runs] is no known key", "Did you mean run?"),
        ({"device": {"x": {}}}, "[device] is no known key", "Did you mean devices?"),
        ({"tools": {"edgetpu-compiler": "x"}}, "[tools] edgetpu-compiler is no known key", "Did you mean edgetpu_comp"),
        ({"tools": {"zzz": "x"}}, "[tools] zzz is no known key", "Known: benchmark_litert_model, benchmark_model, "),
        ({"path": "x"}, "[path] is no known key", "Did you mean"),
        # The commonest slip of TOML: the key without its table.
        ({"threads": 2}, "threads stands outside of its table", "Put it below [run]."),
    ],
)
def test_an_unknown_key_is_named_with_its_neighbour(table: dict[str, Any], where: str, todo: str) -> None:
    error = refused(table)
    assert where in error.asked
    assert error.todo.startswith(todo)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("threads", "4"),
        ("threads", True),
        ("threads", 2.5),
        ("threads", 0),
        ("threads", -1),
        ("threads", 10**30),
        ("threads", [1]),
        ("time_s", "10"),
        ("time_s", True),
        ("time_s", 0),
        ("time_s", -3.0),
        ("time_s", float("nan")),
        ("time_s", float("inf")),
        ("invocations", 0),
        ("invocations", 5.5),
        ("warmup_s", -0.1),
        ("limit_s", 0.5),
        ("wait_s", -1),
        ("profile", "yes"),
        ("profile", 1),
        ("device", 1),
        ("backend", ["litert"]),
        ("results", False),
    ],
)
def test_a_wrong_value_is_named(key: str, value: object) -> None:
    error = refused({"run": {key: value}})
    assert "[run]" in error.asked
    assert key in f"{error.asked} {error.found}"
    assert error.found
    assert "$" not in str(error)


@pytest.mark.parametrize(("key", "value"), [("warmup_s", 0), ("wait_s", 0), ("threads", 1024), ("time_s", 0.01)])
def test_the_edges_are_allowed(key: str, value: float) -> None:
    assert getattr(parse({"run": {key: value}}, HERE).run, key) == value


@pytest.mark.parametrize("key", ["threads", "time_s", "invocations", "warmup_s", "limit_s", "wait_s"])
def test_every_number_is_bounded(key: str) -> None:
    for value in (-1, 10**9):
        assert f"{key} must lie between" in refused({"run": {key: value}}).found


def test_tools_are_relative_to_the_file_and_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "sub").mkdir()
    named = {"edgetpu_compiler": "tools/c", "benchmark_model": "~/b", "benchmark_litert_model": "/opt/l"}
    toml(tmp_path / "sub", "[tools]\n" + "".join(f"{name} = '{path}'\n" for name, path in named.items()))
    assert load(tmp_path, Path("sub") / FILE_NAME).tools == {
        "edgetpu_compiler": str(tmp_path / "sub" / "tools" / "c"),
        "benchmark_model": str(tmp_path / "home" / "b"),
        "benchmark_litert_model": "/opt/l",
    }
    assert load(tmp_path).tools == {}


@pytest.mark.parametrize(
    ("table", "where"),
    [
        ({"run": 3}, "[run]"),
        ({"devices": 3}, "[devices]"),
        ({"devices": {"pixel": 3}}, "[devices.pixel]"),
        ({"tools": 3}, "[tools]"),
    ],
)
def test_what_must_be_a_table_is_named(table: dict[str, Any], where: str) -> None:
    error = refused(table)
    assert f"{where} has a wrong value" in error.asked
    assert "table" in error.found


def test_device_tables_pass_through_untouched(tmp_path: Path) -> None:
    toml(tmp_path, '[devices.coral]\nkind = "local"\nwhatever = [1, {deep = true}]\n[devices."a b"]\nkind = "adb"\n')
    assert load(tmp_path).devices == {
        "coral": {"kind": "local", "whatever": [1, {"deep": True}]},
        "a b": {"kind": "adb"},
    }


@pytest.mark.parametrize(
    "text", ["[run", "threads = \n", "[run]\nthreads = 1\nthreads = 2\n", b"\xff\xfe", b"a = '\xff'"]
)
def test_what_is_no_toml_says_so(tmp_path: Path, text: str | bytes) -> None:
    path = toml(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        load(tmp_path)
    assert caught.value.asked == f"{path} is not valid TOML"
    assert caught.value.found


def test_a_mark_at_the_beginning_as_editors_on_windows_write_is_no_error(tmp_path: Path) -> None:
    toml(tmp_path, b"\xef\xbb\xbf[run]\r\nthreads = 2\r\n")
    assert load(tmp_path).run.threads == 2


def test_a_named_file_that_is_missing_or_a_folder_is_an_error(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.toml", tmp_path):
        with pytest.raises(UsageError) as caught:
            load(tmp_path, path)
        assert caught.value.asked == f"cannot read {path}"
        assert "--config" in caught.value.todo


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_a_file_that_may_not_be_read_is_an_error(tmp_path: Path) -> None:
    # In a process of its own: root may read everything and must step down first.
    path = toml(tmp_path, "[run]\n")
    code = (
        "import os, sys; from pathlib import Path; from bench.base.errors import UsageError\n"
        "from bench.run.config import load; os.chdir(sys.argv[1]); os.chmod('bench.toml', 0)\n"
        "if os.geteuid() == 0: os.chmod('.', 0o755); os.seteuid(65534)\n"
        "try: load(Path('.'), Path('bench.toml'))\n"
        "except UsageError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert done.stdout.startswith("cannot read bench.toml\nPermission denied\n"), done.stderr
    assert path.is_file()


def test_the_settings_have_no_part_that_changes_the_defaults_for_all() -> None:
    Config().devices["x"] = {}
    assert Config().devices == {}


scalars = st.one_of(st.integers(), st.floats(), st.text(), st.booleans(), st.none())
trees = st.dictionaries(
    st.sampled_from(["run", "devices", "tools", "path", *RunDefaults.__struct_fields__]) | st.text(),
    st.recursive(
        scalars,
        lambda inner: (
            st.dictionaries(st.sampled_from([*RunDefaults.__struct_fields__]) | st.text(), inner) | st.lists(inner)
        ),
        max_leaves=6,
    ),
)


@pytest.mark.parametrize("value", [3, "", True, ["x"], {"path": "x"}])
def test_a_tool_must_be_a_path(value: object) -> None:
    error = refused({"tools": {"edgetpu_compiler": value}})
    assert "[tools] edgetpu_compiler has a wrong value" in error.asked
    assert "path" in error.found


@given(trees)
def test_any_table_is_taken_or_refused_in_our_words(table: dict[str, Any]) -> None:
    found: Config | UsageError
    try:
        found = parse(table, HERE)
    except UsageError as error:
        found = error
    if isinstance(found, UsageError):
        assert found.asked.startswith(f"{HERE}: ")
    else:
        assert (found.path, found.devices) == (HERE, table.get("devices", {}))
        assert 1 <= found.run.threads <= 1024


def test_the_file_is_named_by_the_place_where_it_lies(tmp_path: Path) -> None:
    path = toml(tmp_path, "[run]\nthread = 1\n")
    with pytest.raises(UsageError, match="no known key") as caught:
        load(tmp_path)
    assert caught.value.asked.startswith(f"{path}{os.fspath(': [run] thread')}")
