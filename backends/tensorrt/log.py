"""Reading what trtexec prints. TensorRT 7 to 11; keys are tested for, never versions.

Each line is `[date] [level] text`, the library's with `[TRT]` before or behind the level; threads may write their dates
into each other's lines. `&&&& RUNNING`, `PASSED` and `FAILED` stand alone, with the version since 8 (`v8001` is 8.0.1,
`v100300` is 10.3.0).
"""

from __future__ import annotations

import re
from typing import Any, Final

from bench.backends.tensorrt.log_types import COMPUTE, ENQUEUE, LATENCY, METRICS, Layer, Metric, TrtLog

_KEPT = 20
_NUMBER: Final = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|inf|nan)"
_HEAD: Final = re.compile(r"(?:\[\d\d/\d\d/\d{4}-\d\d:\d\d:\d\d\] ?)*(\[TRT\] ?)?\[([VIWEF])\] ?(\[TRT\] ?)?")
_STAMPS: Final = re.compile(r"(?:\[\d\d/\d\d/\d{4}-\d\d:\d\d:\d\d\] ?)+")
_BANNER: Final = re.compile(r"&&&& (RUNNING|PASSED|FAILED|WAIVED) TensorRT\.trtexec(?![\w.])(.*)")
_VERSION: Final = re.compile(r"\[TensorRT v(\d+(?:\.\d+)*)\]")
_METRIC: Final = re.compile(rf"({'|'.join(METRICS)}): min = (.*)")
_VALUES: Final = re.compile(
    rf"({_NUMBER}) ms, max = ({_NUMBER}) ms, mean = ({_NUMBER}) ms, median = ({_NUMBER}) ms((?:, percentile.*)?)"
)
_PERCENTILE: Final = re.compile(rf", percentile\(({_NUMBER})%\) = ({_NUMBER}) ms")
_LAYER: Final = re.compile(r"\[(Dla|Gpu)Layer\] (.*)")
_KIND: Final = re.compile(r"([A-Z][A-Z0-9_]+): (.*)")
_PLACED: Final = re.compile(r"-{5,} ?Layers [Rr]unning on (?:DLA|GPU)")
_FELL_BACK: Final = ("Falling back to GPU", "witching this layer's device type to GPU")
_OPTION: Final = re.compile(r"([A-Za-z][^:=]{0,40}):(?: (.*)|)")
_BLOCK: Final = re.compile(r"=== (.*?) ===")
# field of TrtLog -> what stands behind the level; a number at the end of a cut text is no whole one, see `complete`
_NUMBERS: Final = {
    "throughput_qps": re.compile(rf"[Tt]hroughput: ({_NUMBER}) qps"),
    "walltime_s": re.compile(rf"(?:Total Host Walltime|walltime): ({_NUMBER}) s"),
    "compute_total_s": re.compile(rf"(?:Total GPU Compute Time|total compute time): ({_NUMBER}) s"),
    "build_s": re.compile(rf"Engine built in ({_NUMBER}) sec\."),
    "load_s": re.compile(rf"Engine (?:deserialized|loaded) in ({_NUMBER}) sec\."),
}
# Version 7 has a block per metric, a line per value: `median: 4.49 ms (end to end 4.51 ms)`.
_OLD_BLOCKS: Final = {"Host Latency": LATENCY, "Enqueue Time": ENQUEUE, "GPU Compute": COMPUTE}
_OLD_VALUE: Final = re.compile(rf"(min|max|mean|median|percentile): ({_NUMBER}) ms(?: at ({_NUMBER})%)?(?: \(.*\))?")
_WARMUP: Final = re.compile(rf"Warmup completed (\d+) queries over ({_NUMBER}) ms")
_TRACE: Final = re.compile(rf"Timing trace has (\d+) queries over ({_NUMBER}) s")


def version_text(number: str) -> str:
    """`8.0.1` of `8001`, `10.3.0` of `100300`: up to 9 a version had four digits, major minor patch patch.

    TensorRT's NvInferVersion.h: major * 1000 + minor * 100 + patch, from 10 on major * 10000 + minor * 100 + patch.
    """
    if "." in number:
        return number
    whole = int(number)
    major, rest = divmod(whole, 1000 if whole < 10_000 else 10_000)
    return f"{major}.{rest // 100}.{rest % 100}"


def parse(text: str) -> TrtLog:
    """What a log says; never raises. Whether it is whole, `incomplete` tells."""
    reader = _Reader()
    for line in text.split("\n"):  # not splitlines: layer names may hold the separators that it also splits at
        reader.line(line.rstrip("\r"))
    return reader.log()


class _Reader:
    """Line by line. `found` holds the fields of TrtLog."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}
        self.metrics: dict[str, Metric] = {}
        self.options: dict[str, str] = {}
        self.layers: list[Layer] = []
        self.warnings: list[str] = []
        self.errors: list[str] = []
        self.unknown_options: list[str] = []
        self.unknown_lines: list[str] = []
        self.counts: dict[str, Any] = {"library_warnings": 0, "unknown": 0, "fallbacks": 0}
        self.block = ""
        self.old: dict[str, dict[str, float]] = {}
        self.old_name = ""

    def log(self) -> TrtLog:
        for name, values in self.old.items():
            self._old_metric(name, values)
        if not self.found.get("queries", 1):
            self.found |= {"queries": None, "warmup_queries": None, "throughput_qps": None}
        return TrtLog(
            **self.found,
            **self.counts,
            metrics=self.metrics,
            options=self.options,
            layers=tuple(dict.fromkeys(self.layers)),
            warnings=tuple(dict.fromkeys(self.warnings)),
            errors=tuple(dict.fromkeys(self.errors)),
            unknown_options=tuple(self.unknown_options),
            unknown_lines=tuple(self.unknown_lines),
        )

    def line(self, line: str) -> None:
        head = _HEAD.match(line)
        if head is None:
            self._bare(line)
            return
        text, level = line[head.end() :].rstrip(), head[2]
        if level == "W":
            self._warning(text, bool(head[1] or head[3]))
        elif level in "EF":
            self._error(text)
        elif head[1] or head[3]:
            self._library(text)
        elif level == "I":
            self._own(text)

    def _bare(self, line: str) -> None:
        """A line without a level: the banner, or what is not trtexec's."""
        match = _BANNER.search(line)
        if match:
            self._banner(match[1], match[2])
        elif _STAMPS.sub("", line).strip():
            self.counts["unknown"] += 1
            if len(self.unknown_lines) < _KEPT:
                self.unknown_lines.append(line[:200])

    def _banner(self, word: str, rest: str) -> None:
        version = _VERSION.search(rest)
        if version:
            self.found.setdefault("version", version_text(version[1]))
        if word == "RUNNING":
            self.found["command"] = rest.partition("# ")[2]
        elif word == "PASSED":
            self.found["passed"] = True
        else:
            self.found["failed"] = True

    def _warning(self, text: str, library: bool) -> None:
        if library:
            self.counts["library_warnings"] += 1
            self.counts["fallbacks"] += any(words in text for words in _FELL_BACK)
        elif text.startswith("  ") and self.warnings:
            self.warnings[-1] += f" {text.strip()}"
        elif len(self.warnings) < _KEPT:
            self.warnings.append(text.removeprefix("* "))
        if "useCudaGraph" in text and "ignored" in text:
            self.found["graph_refused"] = True

    def _error(self, text: str) -> None:
        name, colon, option = text.partition("Unknown option: ")
        if colon and not name:
            self.unknown_options.append(option.strip())
        if text.strip() and len(self.errors) < _KEPT:
            self.errors.append(text.strip())

    def _library(self, text: str) -> None:
        layer = _LAYER.search(text)
        if layer:
            kind = _KIND.fullmatch(layer[2])
            name, known = (kind[2], kind[1]) if kind else (layer[2], "")
            self.layers.append(Layer(name=name, on_dla=layer[1] == "Dla", kind=known))
        elif _PLACED.search(text):
            self.found["placed"] = True

    def _own(self, text: str) -> None:
        if text.startswith("Average on "):  # one per inference, where --avgRuns=1
            return
        block = _BLOCK.fullmatch(text)
        value = _OLD_VALUE.fullmatch(text) if self.old_name else None
        if value:
            self._old_value(value[1], float(value[2]), value[3])
            return
        if text in _OLD_BLOCKS:
            self.old_name = _OLD_BLOCKS[text]
            self.old[self.old_name] = {}
            self.found["summary"] = True
        if block:
            self.block = block[1]
            self.found["summary"] = self.found.get("summary", False) or block[1] == "Performance summary"
        elif self.block.endswith("Options") or self.block == "Device Information":
            self._option(text)
        self._told(text)

    def _option(self, text: str) -> None:
        match = _OPTION.fullmatch(text)
        if match:
            self.options.setdefault(match[1], (match[2] or "").strip())

    def _told(self, text: str) -> None:
        if text.startswith("TensorRT version: "):
            number = text.removeprefix("TensorRT version: ").strip()
            if re.fullmatch(r"\d+(\.\d+)*", number, re.ASCII):
                self.found.setdefault("version", version_text(number))
        elif text.startswith("Selected Device: "):
            self.found["gpu"] = text.removeprefix("Selected Device: ").strip()
        elif text.startswith("Compute Capability: "):
            self.found["compute_capability"] = text.removeprefix("Compute Capability: ").strip()
        elif match := _METRIC.fullmatch(text):
            self._metric(match[1], match[2])
        elif match := _WARMUP.fullmatch(text):
            self.found |= {"warmup_queries": int(match[1]), "warmup_ms": float(match[2])}
        elif match := _TRACE.fullmatch(text):
            self.found["queries"] = int(match[1])
        else:
            for name, pattern in _NUMBERS.items():
                if match := pattern.fullmatch(text):
                    self.found[name] = float(match[1])

    def _old_value(self, key: str, ms: float, percent: str | None) -> None:
        self.old[self.old_name][key if percent is None else f"%{percent}"] = ms

    def _old_metric(self, name: str, values: dict[str, float]) -> None:
        if not {"min", "max", "median"} <= values.keys():
            return
        self.metrics[name] = Metric(
            min_ms=values["min"],
            max_ms=values["max"],
            mean_ms=values.get("mean"),
            median_ms=values["median"],
            percentiles=tuple((float(key[1:]), ms) for key, ms in values.items() if key.startswith("%")),
        )

    def _metric(self, name: str, text: str) -> None:
        values = _VALUES.fullmatch(text)
        if values is None:
            return
        low, high, mean, median = (float(values[index]) for index in range(1, 5))
        percentiles = tuple((float(percent), float(ms)) for percent, ms in _PERCENTILE.findall(values[5]))
        self.metrics[name] = Metric(min_ms=low, max_ms=high, mean_ms=mean, median_ms=median, percentiles=percentiles)
