"""The zoo's table in Markdown: what each model is, what was published of it, and whether it ran here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.records.types import Record
from bench.reports import format as fmt
from bench.reports.view import agreement_text, error_text

BACKENDS = ("litert", "onnxruntime", "openvino")


@dataclass(frozen=True)
class ZooRow:
    """One file of the zoo. params, macs: None where they are unknown; published_*: empty where nothing was.

    reason: why there is no such file; then the numbers are 0. maker: the tools that made it, with versions.
    """

    model: str
    variant: str
    params: int
    params_train: int
    macs: int | None
    size_bytes: int
    op_count: int
    published_params: str = ""
    published_bytes: int | None = None
    published_ops: int | None = None
    why: str = ""
    reason: str = ""
    maker: str = ""


def zoo_markdown(rows: Sequence[ZooRow], records: Iterable[Record], head: str) -> str:
    """The whole document. records: of a run over the zoo; a file that was not run says so."""
    ran = {(r.case.model, r.case.variant, r.case.backend): r for r in records}
    plain = [row for row in rows if row.variant == "fp32"]
    others = [row for row in rows if row.variant != "fp32"]
    parts = [head.rstrip(), "", "## fp32, the op forms of 2019", "", *_fp32(plain, ran)]
    if others:
        parts += ["", "## Variants", "", *_variants(others, ran)]
    return "\n".join(parts) + "\n"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> list[str]:
    return [_line(heads), "|" + "---|" * len(heads), *map(_line, lines)]


def _outcome(ran: Mapping[tuple[str, str, str], Record], row: ZooRow, backend: str) -> str:
    record = ran.get((row.model, row.variant, backend))
    if record is None:
        return "not run"
    if not record.measured:
        return error_text(record).splitlines()[0]
    return f"{agreement_text(record)}; {record.placement.text}"


def _difference(ours: int, published: int | None) -> str:
    if published is None:
        return fmt.NONE
    if ours == published:
        return f"{published:,}"
    return f"{published:,} ({(ours - published) / published:+.1%})"


def _ops(row: ZooRow) -> str:
    if row.published_ops is None:
        return fmt.NONE
    same = row.published_ops == row.op_count
    return str(row.published_ops) if same else f"{row.published_ops} (ours {row.op_count})"


def _fp32(rows: Sequence[ZooRow], ran: Mapping[tuple[str, str, str], Record]) -> list[str]:
    heads = ["model", "params, deployed", "params, train", "MMAC", "bytes", "ops", "document: params"]
    heads += ["published bytes", "published ops", "why ours differ", "LiteRT", "ONNX Runtime", "OpenVINO"]
    lines = []
    for row in rows:
        mmac = fmt.NONE if row.macs is None else f"{row.macs / 1e6:.2f}"
        ours = [row.model, f"{row.params:,}", f"{row.params_train:,}", mmac, f"{row.size_bytes:,}", str(row.op_count)]
        published = [row.published_params or fmt.NONE, _difference(row.size_bytes, row.published_bytes), _ops(row)]
        outcomes = [_outcome(ran, row, backend) for backend in BACKENDS]
        lines.append([*ours, *published, row.why or fmt.NONE, *outcomes])
    return _table(heads, lines)


def _variants(rows: Sequence[ZooRow], ran: Mapping[tuple[str, str, str], Record]) -> list[str]:
    heads = ["model", "variant", "bytes", "ops", "published bytes", "published ops", "why ours differ", "LiteRT",
             "OpenVINO", "made by"]  # fmt: skip
    lines = []
    nowhere = _nowhere(rows)
    for row in rows:
        if row.variant in nowhere:
            continue
        if row.reason:
            lines.append([row.model, row.variant, f"none: {row.reason}", *[""] * 7])
            continue
        outcomes = [_outcome(ran, row, backend) for backend in ("litert", "openvino")]
        published = [_difference(row.size_bytes, row.published_bytes), _ops(row), row.why or fmt.NONE]
        made = row.maker or fmt.NONE
        lines.append([row.model, row.variant, f"{row.size_bytes:,}", str(row.op_count), *published, *outcomes, made])
    table = _table(heads, lines) if lines else []
    gaps = [f"- No model as {variant}: {reason}" for variant, reason in nowhere.items()]
    return [*table, *([""] if table and gaps else []), *gaps]


def _nowhere(rows: Sequence[ZooRow]) -> dict[str, str]:
    """Variant -> why none of several models has it, where that is one reason for all."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        reasons.setdefault(row.variant, []).append(row.reason)
    return {variant: each[0] for variant, each in reasons.items() if each[0] and len(each) > 1 and len(set(each)) == 1}
