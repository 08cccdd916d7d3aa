"""Reading which flags a benchmark tool has, and refusing what it would misread."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.backends.tflite.help import Capabilities, Flag, capabilities, parse_help, value_problem
from bench.base.errors import NotMeasuredError, UsageError

LAB = Path(__file__).resolve().parents[3] / "shared" / "lab"

CLASSIC = (
    "INFO: STARTING!\n"
    "ERROR: usage: ./benchmark_model <flags>\n"
    "Flags:\n"
    "\t--num_runs=50        \tint32\toptional\texpected number of runs, see also min_secs\n"
    "\t--min_secs=1         \tfloat\toptional\tseconds: a number, e.g. --min_secs=2\n"
    "\t--graph=             \tstring\trequired\tgraph file name\n"
    "\t--hexagon_lib_path=/data/local/tmp\tstring\toptional\tThe library path\n"
    "\t--use_gpu=false      \tbool\toptional\tuse gpu\n"
    "\t--num_runs=7         \tint32\toptional\tsecond of that name\n"
    "\t--signature_to_run_for=\tstring\toptional\t\n"
    "\n"
    "ERROR: Benchmarking failed.\n"
)
OLD = (
    "STARTING!\n"
    "usage: /data/local/tmp/benchmark_model\n"
    "Flags:\n"
    "\t--num_runs=50\tint32\tnumber of runs\n"
    "\t--run_delay=-1.000000\tfloat\tdelay between runs in seconds\n"
    "\t--graph=\tstring\tgraph file name\n"
    "\t--input_layer_type=\tstring\tinput layer type\n"
    "\t--use_nnapi=false\tbool\tuse nnapi api\n"
)
LITERT = (
    "\n"
    "  NPU Vendor Flags from LiteRT:\n"
    "    --qualcomm_log_level (Log level for Qualcomm; one of: off (0), info.); default: info;\n"
    "    --qualcomm_dump_tensor_ids (Ids of tensors to\n"
    "      dump, first line of two.); default: \"\";\n"
    "    --mediatek_performance_mode_type (mode); default: sustained_speed; currently: turbo;\n"
    "\n"
    "INFO: STARTING!\n"
    "ERROR: usage: ./benchmark_litert_model <flags>\n"
    "Flags:\n"
    "\t--graph=\tstring\trequired\tgraph file name\n"
    "\t--use_npu=false\tbool\toptional\tUse NPU accelerator.\n"
    "\t--use_profiler=false\tbool\toptional\tUse profiler.\n"
    "\t--gpu-precision=\tstring\toptional\tauto, fp16, fp32\n"
)  # fmt: skip


def test_classic() -> None:
    found = parse_help(CLASSIC)
    assert (found.program, found.family, found.empty, found.damaged) == ("./benchmark_model", "classic", False, "")
    assert list(found.flags) == [
        "num_runs", "min_secs", "graph", "hexagon_lib_path", "use_gpu", "signature_to_run_for",
    ]  # fmt: skip
    assert found.flags["min_secs"] == Flag(
        name="min_secs", default="1", type="float", meaning="seconds: a number, e.g. --min_secs=2"
    )
    assert found.flags["num_runs"].default == "50"
    assert found.flags["graph"].required
    assert found.flags["hexagon_lib_path"].default == "/data/local/tmp"
    assert found.flags["signature_to_run_for"].meaning == ""
    assert found.strays == ()


@pytest.mark.parametrize("text", [OLD, OLD.replace("\t", "    "), OLD.replace("\n", "\r\n")])
def test_old_and_pasted(text: str) -> None:
    found = parse_help(text)
    assert found.program == "/data/local/tmp/benchmark_model"
    assert set(found.flags) == {"num_runs", "run_delay", "graph", "input_layer_type", "use_nnapi"}
    assert found.flags["run_delay"] == Flag(
        name="run_delay", default="-1.000000", type="float", meaning="delay between runs in seconds"
    )
    assert found.flags["use_nnapi"].type == "bool"


def test_litert() -> None:
    found = parse_help(LITERT)
    assert (found.family, found.damaged, len(found.flags)) == ("litert", "", 7)
    assert found.flags["qualcomm_log_level"] == Flag(
        name="qualcomm_log_level", default="info", meaning="Log level for Qualcomm; one of: off (0), info."
    )
    assert found.flags["qualcomm_dump_tensor_ids"].default == ""
    assert found.flags["qualcomm_dump_tensor_ids"].meaning == "Ids of tensors to dump, first line of two."
    assert found.flags["mediatek_performance_mode_type"].default == "sustained_speed"
    found.check(["--gpu-precision=fp16", "--qualcomm_log_level=off"])


def test_stray_lines_are_counted() -> None:
    lines = CLASSIC.split("\n")
    lines[4:4] = ["type 54 str SoftmaxAxis0", "INFO: Initialized OpenCL-based API.", "Memory usage: 3 MB"]
    found = parse_help("\n".join(lines))
    assert found.strays == ("type 54 str SoftmaxAxis0", "Memory usage: 3 MB")
    assert found.flags == parse_help(CLASSIC).flags
    assert found.program == "./benchmark_model"


def refused(*arguments: str, help: str = CLASSIC) -> UsageError:
    with pytest.raises(UsageError) as caught:
        parse_help(help).check(arguments)
    return caught.value


def test_check() -> None:
    known = parse_help(CLASSIC)
    known.check(["--graph=/a b=c", "--use_gpu=true", "--num_runs=3", "--min_secs=1e-3", "--signature_to_run_for="])
    assert "use_gpu" in known
    assert "use_nnapi" not in known
    error = refused("--use_gpuu=true", "--graph=x", "--use_nnapi=true")
    assert error.found.splitlines() == [
        "--use_gpuu=true: this build has no flag use_gpuu.",
        "--use_nnapi=true: this build has no flag use_nnapi.",
    ]
    assert "Did you mean use_gpu" in error.todo
    assert error.asked.startswith("benchmark_model would not")


@pytest.mark.parametrize(
    "argument",
    ["----use_gpu=true", "-use_gpu=true", "use_gpu=true", "--use_gpu", "--", "", "true", "--=x", "--use_gpu =true",
     "—use_gpu=true", " --use_gpu=true"],
)  # fmt: skip
def test_form(argument: str) -> None:
    assert "two dashes" in refused("--graph=x", argument).found


def test_twice() -> None:
    assert "given twice" in refused("--num_runs=5", "--num_runs=6").found


@pytest.mark.parametrize(
    ("type", "good", "bad"),
    [
        ("int32", "50 -1 +3 2147483647", "4x 2.5 99999999999 0x10 1e3 abc ٣"),
        ("int64", "99999999999", "99999999999999999999 1_000"),
        ("float", "1 0.5 .5 5. 1e-3 -1 2E+3", "1s nan 0x1p3 1,5"),
        ("bool", "true false 0 1", "yes True on 2"),
    ],
)
def test_values(type: str, good: str, bad: str) -> None:
    flag = Flag(name="f", type=type)  # type: ignore[arg-type]
    assert [value for value in good.split() if value_problem(flag, value)] == []
    assert [value for value in ("", " ", *bad.split()) if not value_problem(flag, value)] == []


def test_unknown_flags_are_known_to_be_unknown(tmp_path: Path) -> None:
    for nothing in (Capabilities(), parse_help(""), parse_help(CLASSIC.replace("--graph", "--file"))):
        assert nothing.empty
        with pytest.raises(NotMeasuredError):
            nothing.check([])


def test_read_once_per_binary(tmp_path: Path) -> None:
    asked: list[str] = []

    def read() -> str:
        asked.append("x")
        return CLASSIC

    first = capabilities("a" * 64, read, tmp_path)
    assert capabilities("a" * 64, read, tmp_path) == first == parse_help(CLASSIC)
    assert len(asked) == 1
    capabilities("b" * 64, read, tmp_path)
    assert len(asked) == 2
    for damage in (b"{", b"[]", b'{"help": ""}', b'{"help": "\\t--nu"}', b"{}"):
        (tmp_path / "tool-help" / ("a" * 64 + ".json")).write_bytes(damage)
        assert capabilities("a" * 64, read, tmp_path) == first
    assert len(asked) == 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "printed nothing"),
        ("\n \n", "printed nothing"),
        ('CANNOT LINK EXECUTABLE "./benchmark_model": library "libc++_shared.so" not found\n', "libc++_shared.so"),
        ("usage: ls [OPTION]\n  --all=no  bool  all of them\n", "none of a benchmark tool"),
        (CLASSIC[: CLASSIC.index("=false")], "without an end:\n--use_gpu"),
        (CLASSIC[: CLASSIC.index("use_gpu")], "without an end:\n--"),
        (LITERT.replace('default: "";', ""), "--qualcomm_dump_tensor_ids"),
    ],
)
def test_senseless_help_is_not_kept(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(NotMeasuredError) as caught:
        capabilities("c" * 64, lambda: text, tmp_path)
    assert said in caught.value.found
    assert list(tmp_path.rglob("*.json")) == []


TEXTS = st.sampled_from((CLASSIC, OLD, LITERT))


@given(TEXTS, st.integers(0, 2000))
@example(CLASSIC, CLASSIC.index("int32") + 4)
def test_cut_off_never_invents(text: str, end: int) -> None:
    whole, cut = parse_help(text), parse_help(text[:end])
    assert set(cut.flags) <= set(whole.flags)
    for name, flag in cut.flags.items():
        assert (flag.default, flag.type) == (whole.flags[name].default, whole.flags[name].type)


@given(TEXTS, st.lists(st.tuples(st.integers(0, 30), st.text(max_size=40).filter(lambda line: "--" not in line))))
def test_stray_lines_change_nothing(text: str, strays: list[tuple[int, str]]) -> None:
    lines = text.split("\n")
    first = next(number for number, line in enumerate(lines) if line.startswith("Flags:"))
    for place, stray in strays:
        lines.insert(first + 1 + place, stray.replace("\n", " "))
    assert parse_help("\n".join(lines)).flags == parse_help(text).flags


@given(st.text())
def test_any_text(text: str) -> None:
    parse_help(text)
    parse_help("Flags:\n\t--" + text)


@pytest.mark.parametrize("name", ["benchmark_model", "benchmark_model_gpu"])
def test_real_binary(name: str) -> None:
    tool = LAB / "bin" / name
    if not tool.is_file():
        pytest.skip(f"no real tool at {tool}")
    done = subprocess.run([tool, "--help"], capture_output=True, text=True, timeout=60)
    known = parse_help(done.stdout + done.stderr)
    assert known.program == str(tool)
    assert (known.family, known.empty, known.damaged, known.strays) == ("classic", False, "", ())
    assert len(known.flags) == len({line.split("=")[0] for line in done.stderr.splitlines() if "\t--" in line})
    assert ("use_gpu" in known) == (name == "benchmark_model_gpu")
    assert known.flags["last_delegate_node_index"].default == "2147483647"
    known.check(["--graph=x", "--num_runs=3", "--enable_op_profiling=true"])
    with pytest.raises(UsageError):
        known.check(["----enable_op_profiling=true"])


@pytest.mark.parametrize(
    "argument",
    ["--enable_op_profiling", "----enable_op_profiling=true", "--enable_op_profilin=true", "--use_nnapi=true"],
)  # fmt: skip
def test_the_tool_ignores_what_is_refused(argument: str) -> None:
    tool = LAB / "bin" / "benchmark_model"
    if not tool.is_file():
        pytest.skip(f"no real tool at {tool}")
    run = subprocess.run([tool, "--graph=/nowhere", argument], capture_output=True, text=True, timeout=60)
    assert f"Unconsumed cmdline flags: {argument}" in run.stdout + run.stderr
    help = (LAB / "output" / "help.stderr").read_text()
    refused(argument, help=help)


@pytest.mark.parametrize(
    ("given", "taken"), [("4x", "4"), ("2.5", "2"), ("99999999999", "2147483647"), ("0x10", "0"), ("+3", "3")]
)
def test_the_tool_misreads_what_is_refused(given: str, taken: str) -> None:
    tool = LAB / "bin" / "benchmark_model"
    if not tool.is_file():
        pytest.skip(f"no real tool at {tool}")
    command = [tool, "--graph=/nowhere", "--verbose=true", f"--num_runs={given}"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert f"Min num runs: [{taken}]" in run.stdout
    assert bool(value_problem(Flag(name="num_runs", type="int32"), given)) == (given != "+3")
