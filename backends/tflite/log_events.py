"""One line of the tool -> what it says, as a change of the draft of a log."""

from __future__ import annotations

import re
from collections.abc import Callable

from bench.backends.tflite.log_draft import Draft
from bench.backends.tflite.log_known import FAILING, FATAL, SILENT
from bench.backends.tflite.log_lines import Line
from bench.backends.tflite.log_stats import parse_stats, to_ns
from bench.backends.tflite.log_types import GpuSplit, Phase, Replaced, Timings, Verdict

_N = r"(\d{1,12})"
_F = r"(-?\d{1,15}(?:\.\d{1,9})?(?:e[-+]?\d{1,3})?)"
_FAILED_OP = re.compile(r"[A-Za-z][\w .]{1,60}: \S.*")
_LISTED_OPS = 200  # lines at most that are taken for a list of unsupported ops


def _add(items: list[str], item: str) -> None:
    if item not in items:
        items.append(item)


def _replaced(draft: Draft, found: re.Match[str]) -> None:
    nodes, total, delegate, partitions, subgraph = found.groups()
    item = Replaced(
        delegate=delegate,
        nodes=int(nodes),
        total=int(total) if total else None,
        partitions=int(partitions),
        subgraph=int(subgraph) if subgraph else None,
    )
    if item not in draft.replaced:
        draft.replaced.append(item)


def _hexagon(draft: Draft, found: re.Match[str]) -> None:
    item = Replaced(delegate=found[1], nodes=int(found[2]), total=int(found[3]), partitions=int(found[4]))
    if item not in draft.replaced:
        draft.replaced.append(item)


def _verdict(draft: Draft, found: re.Match[str]) -> None:
    explicit, delegate, extent, kernels = found.groups()
    draft.verdicts.append(
        Verdict(
            delegate=delegate,
            kind="full" if extent == "completely" else "partial",
            kernels=int(kernels) if kernels else None,
            explicit=explicit == "Explicitly applied",
        )
    )


def _no_verdict(draft: Draft, found: re.Match[str]) -> None:
    draft.verdicts.append(Verdict(delegate=found[1], kind="none"))


def _phase(draft: Draft, found: re.Match[str]) -> None:
    runs, seconds, limit = found.groups()
    draft.phases.append(
        Phase(
            min_runs=int(runs),
            min_seconds=float(seconds) if seconds else None,
            max_seconds=float(limit) if limit else None,
        )
    )


def _summary(draft: Draft, found: re.Match[str]) -> None:
    init, first, warmup, average = found.groups()
    _summarize(draft, init, first, warmup, average)


def _old_summary(draft: Draft, found: re.Match[str]) -> None:
    warmup, init, average = found.groups()
    _summarize(draft, init, "", warmup, average)


def _summarize(draft: Draft, init: str, first: str, warmup: str, average: str) -> None:
    draft.summaries.append(
        Timings(
            init_ns=to_ns(init),
            first_inference_ns=to_ns(first) if first else None,
            warmup_avg_ns=to_ns(warmup),
            inference_avg_ns=to_ns(average),
            inference_text=average,
        )
    )


def _pair(init: str, overall: str) -> Callable[[Draft, re.Match[str]], None]:
    def act(draft: Draft, found: re.Match[str]) -> None:
        draft.memory[init], draft.memory[overall] = float(found[1]), float(found[2])

    return act


def _one(name: str) -> Callable[[Draft, re.Match[str]], None]:
    def act(draft: Draft, found: re.Match[str]) -> None:
        draft.memory[name] = float(found[1])

    return act


def _split(draft: Draft, found: re.Match[str]) -> None:
    gpu, cpu = found.groups()
    draft.gpu_split = GpuSplit(gpu=0 if gpu == "No" else int(gpu), cpu=int(cpu))
    draft.listing = 0


def _kernels(draft: Draft, found: re.Match[str]) -> None:
    draft.gpu_kernels = (draft.gpu_kernels or 0) + int(found[1])


def _delegate(draft: Draft, found: re.Match[str]) -> None:
    _add(draft.created, found[1])


def _runtime_delegate(draft: Draft, found: re.Match[str]) -> None:
    _add(draft.created, found[1] or found[2])
    draft.runtime_lines = True


def _api(draft: Draft, found: re.Match[str]) -> None:
    draft.gpu_api = found[1]


def _version(draft: Draft, found: re.Match[str]) -> None:
    draft.version = found[1]


# First letter of the line -> patterns that fit the whole line, and what they do. Every repetition is bounded.
_FORMS: tuple[tuple[str, str, Callable[[Draft, re.Match[str]], None]], ...] = (
    ("R", rf"Running benchmark for (?:at least )?{_N} iterations(?: and at least {_F} seconds)?"
          rf"(?: but terminate if exceeding {_F} seconds\.)?", _phase),
    ("R", rf"Replacing {_N}(?: out of {_N})? node\(s\) with delegate \(([^()]{{1,100}})\) node, yielding {_N} "
          rf"partitions(?: for subgraph {_N}(?: \(.{{0,200}}\))?| for the whole graph)?\.", _replaced),
    ("T", rf"(TfLiteHexagonDelegate) delegate: {_N} nodes delegated out of {_N} nodes with {_N} partitions\.",
     _hexagon),
    ("I", rf"Inference timings in us: Init: {_F}, First inference: {_F}, Warmup \(avg\): {_F}, Inference \(avg\): {_F}",
     _summary),
    ("A", rf"Average inference timings in us: Warmup: {_F}, Init: {_F}, (?:no stats|Inference): {_F}", _old_summary),
    ("E", r"(Explicitly applied) (.{1,60}) delegate, and the model graph will be (completely|partially) executed by "
          rf"the delegate(?: w/ {_N} delegate kernels)?\.", _verdict),
    ("A", r"(Applied) (.{1,60}) delegate, and the model graph will be (completely|partially) executed w/ the delegate"
          rf"(?: w/ {_N} delegate kernels)?\.", _verdict),
    ("T", r"Though (.{1,60}) delegate is (?:explicitly )?applied, the model graph will not be executed "
          r"(?:by|w/) the delegate\.", _no_verdict),
    ("P", rf"Peak memory footprint \(MB\): init={_F} overall={_F}", _pair("peak_init_mb", "peak_overall_mb")),
    ("M", rf"Memory footprint delta from the start of the tool \(MB\): init={_F} overall={_F}",
     _pair("delta_init_mb", "delta_overall_mb")),
    ("O", rf"Overall peak memory footprint \(MB\) via periodic monitoring: {_F}", _one("periodic_peak_mb")),
    ("[", rf"\[Init Phase\] - Memory usage: max resident set size = {_F} MB.{{0,200}}", _one("max_rss_init_mb")),
    ("[", rf"\[Overall\] - Memory usage: max resident set size = {_F} MB.{{0,200}}", _one("max_rss_overall_mb")),
    ("N", rf"(No) operations will run on the GPU, and all {_N} operations will run on the CPU\.", _split),
    ("0", rf"{_N} operations will run on the GPU, and the remaining {_N} operations will run on the CPU\.", _split),
    ("C", rf"Created {_N} GPU delegate kernels\.", _kernels),
    ("C", r"Created TensorFlow Lite (?:(\w{1,40}) delegate for CPU|delegate for (\w{1,40}))\.", _runtime_delegate),
    ("*", r"(\w{1,40}(?: \w{1,40})?) delegate created\.", _delegate),
    ("I", r"Initialized (\w{1,20})-based API\.", _api),
    ("T", r"Tensorflow Version : (\S{1,60})", _version),
)  # fmt: skip
_BY_LETTER: dict[str, list[tuple[re.Pattern[str], Callable[[Draft, re.Match[str]], None]]]] = {}
for _letter, _pattern, _act in _FORMS:
    _BY_LETTER.setdefault(_letter, []).append((re.compile(_pattern), _act))
_PARAMETER = re.compile(r"([A-Za-z#][^\[\]]{0,120}?)\s{0,8}: \[(.*)\]")


def apply(draft: Draft, line: Line) -> bool:
    """Whether the line is one that the tool is known to print."""
    text = line.text
    if text.startswith("count="):
        return _stats(draft, text)
    key = "0" if text[0].isdecimal() else text[0]
    for pattern, act in _BY_LETTER.get(key, ()):
        if found := pattern.fullmatch(text):
            act(draft, found)
            return True
    if text.endswith("delegate created."):
        pattern, act = _BY_LETTER["*"][0]
        if found := pattern.fullmatch(text):
            act(draft, found)
            return True
    return _words(draft, text) or _parameter(draft, text) or _listed(draft, text)


def _stats(draft: Draft, text: str) -> bool:
    stats = parse_stats(text)
    if stats is None:
        return False
    if draft.phases and draft.phases[-1].stats is None:
        last = draft.phases[-1]
        draft.phases[-1] = Phase(
            min_runs=last.min_runs, min_seconds=last.min_seconds, max_seconds=last.max_seconds, stats=stats
        )
    else:
        draft.phases.append(Phase(stats=stats))
    return True


def _words(draft: Draft, text: str) -> bool:
    if text == "STARTING!":
        draft.started += 1
    elif text.startswith(("Loaded model ", "Loading model from: ")):
        draft.loaded += 1
    elif text.startswith("Initialized TensorFlow Lite runtime"):
        draft.runtime_lines = True
    elif text.startswith("Unconsumed cmdline flags: "):
        draft.unconsumed += text.partition(": ")[2].split()
    elif text.startswith("Following operations are not supported by GPU delegate"):
        draft.listing = _LISTED_OPS
    elif text.startswith(FAILING):
        _add(draft.failures, text)
        draft.fatal = draft.fatal or text.startswith(FATAL)
    else:
        return text.startswith(SILENT)
    return True


def _parameter(draft: Draft, text: str) -> bool:
    if not text.endswith("]") or draft.phases or not (found := _PARAMETER.fullmatch(text)):
        return False
    draft.parameters[found[1]] = found[2]
    return True


def _listed(draft: Draft, text: str) -> bool:
    if draft.listing <= 0:
        return False
    draft.listing -= 1
    if not _FAILED_OP.fullmatch(text):
        return False
    draft.unsupported.append(text)
    return True
