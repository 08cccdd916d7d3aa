"""The parts of the page that need no script: results, failures, findings, and where it ran."""

from __future__ import annotations

from collections.abc import Sequence

from bench.records.stats import LatencySummary
from bench.records.types import Record
from bench.reports import accuracy_text, energy_text, throughput_text, view
from bench.reports import format as fmt
from bench.reports.html_tags import Child, Html, definitions, details, join, link, number, table, tag

Named = Sequence[tuple[str, Record]]
"""Records with the id of their place in the page."""


# On a narrow page the placement stands under the case's name, so that it is beside the median there too.
_WIDE_HEAD = tag("span", "Placement", class_="wide")


def results_table(named: Named) -> Html:
    """The numbers of all cases; a failed case has its error in place of them."""
    records = [record for _, record in named]
    device, accuracy, rate = (
        view.several_devices(records),
        accuracy_text.asked(records),
        throughput_text.asked(records),
    )
    energy = energy_text.asked(records)
    heads = ["Case", ">Median [95 %]", *([">Items/s [95 %]"] if rate else [])]
    heads += [*([">Energy"] if energy else []), _WIDE_HEAD, ">Samples", ">p90"]
    heads += [">Load", ">First", ">Peak memory", "Output", *(["Accuracy"] if accuracy else [])]
    rows = []
    for place, record in named:
        name = [link(place, view.model_text(record.case)), _small(view.how_text(record.case))]
        if device:
            name.append(_small(record.case.device))
        if record.measured:
            name.append(tag("span", view.placement_text(record.placement), class_="small narrow"))
        head = tag("th", name, scope="row")
        summary = view.numbers(record)
        if summary is None:
            rows.append(tag("tr", head, _error_cell(record, len(heads) - 1)))
        else:
            rows.append(tag("tr", head, _measured_cells(record, summary, accuracy, rate, energy)))
    caption = "Latency of one inference, and what it was measured with"
    return table(caption, heads, rows, class_="results")


def _small(text: Child) -> Html:
    return tag("span", text, class_="small")


def _badge(text: str, kind: str) -> Html:
    return tag("span", text, class_=f"badge {kind}")


def _error_cell(record: Record, columns: int) -> Html:
    mark = [" ", _badge(view.replayed_text(record), "warn")] if record.replayed else []
    return tag("td", _badge("failed", "bad"), mark, " ", view.error_text(record), colspan=columns)


def _measured_cells(record: Record, summary: LatencySummary, accuracy: bool, rate: bool, energy: bool) -> Html:
    mark = [_badge(text, "warn") for text in view.marks(record)]
    placement = view.placement_text(record.placement)
    agreement = view.agreement_text(record)
    differs = record.agreement is not None and record.agreement.ok is False
    output = (
        _badge(agreement, "bad whole")
        if differs
        else tag("span", agreement, class_="whole" if view.compared(record) else None)
    )
    return join(
        [
            number([tag("strong", view.median_text(summary)), *mark, _small(view.interval_text(summary))]),
            _lines_cell(throughput_text.lines(record)) if rate else [],
            _lines_cell(energy_text.lines(record)) if energy else [],
            tag("td", placement if record.placement.kind == "full" else _badge(placement, "warn"), class_="wide"),
            number([fmt.count(summary.n), _small(_in_invocations(summary))]),
            number(view.percentile_text(summary, summary.p90)),
            number(fmt.short_duration(summary.load_ns)),
            number(fmt.short_duration(summary.first_inference_ns)),
            number(view.peak_text(record, summary)),
            tag("td", output, _small(accuracy_text.fp32_text(record)), class_="output"),
            _accuracy_cell(record) if accuracy else [],
        ]
    )


def _in_invocations(summary: LatencySummary) -> str:
    told = view.told_text(summary)
    return f"in {fmt.counted(summary.invocations, 'invocation')}{f', {told}' if told else ''}"


def _lines_cell(lines: Sequence[str]) -> Html:
    first, *rest = lines
    return number([tag("strong", first) if rest else first, *map(_small, rest)])


def _accuracy_cell(record: Record) -> Html:
    first, *rest = accuracy_text.lines(record)
    mark = [_badge(line, "warn") if line == accuracy_text.UNTRAINED else _small(line) for line in rest]
    return tag("td", tag("strong", first) if rest else first, mark)


def failures(named: Named) -> Html:
    """Each case without a number: what happened, what to do, and the end of the error output."""
    parts = []
    for _, record in named:
        if record.measured:
            continue
        error = record.error
        parts.append(tag("h3", view.case_text(record.case, device=True)))
        if error is None:
            parts.append(tag("p", view.error_text(record)))
            continue
        code = "" if error.exit_code is None else str(error.exit_code)
        facts = [("What", error.message), ("Kind", error.kind), ("During", error.phase), ("Signal", error.signal)]
        parts.append(definitions([*facts, ("Exit code", code), ("What to do", error.todo)]))
        if error.stderr_tail:
            output = tag("pre", error.stderr_tail, tabindex=0)
            parts.append(details("End of the error output", output))
    return join(parts)


def findings(records: Sequence[Record]) -> Html:
    """What a person should know, the grave things first, each once with the cases it was found in."""
    kinds = {"error": "bad", "warning": "warn", "info": "info"}
    items = []
    cases = len({view.case_text(record.case, True) for record in records})
    for one in view.told(records):
        finding = one.finding
        several = len(one.found) > 1
        head = [_badge(finding.severity, kinds[finding.severity]), " "]
        if several:
            parts: list[Child] = [tag("p", head, tag("code", finding.code))]
            parts.append(
                tag("ul", [tag("li", tag("strong", what), f" ({', '.join(found)})") for what, found in one.found])
            )
        else:
            parts = [tag("p", head, tag("strong", finding.what), " ", tag("code", finding.code))]
        if finding.why:
            parts.append(tag("p", finding.why))
        if finding.remedy:
            parts.append(tag("p", tag("b", "What to do: "), finding.remedy))
        if len(one.cases) == cases:
            parts.append(tag("p", "Found in every case.", class_="small"))
        elif not several:
            where = tag("ul", [tag("li", case) for case in one.cases])
            parts.append(details(f"Found in {len(one.cases)} of {fmt.counted(cases, 'case')}", where))
        items.append(tag("li", parts))
    return tag("ul", items, class_="findings") if items else Html("")


def devices(records: Sequence[Record]) -> Html:
    """What is known of each device, and what could not be read."""
    seen = {(record.device.name, record.device.fingerprint): record.device for record in records}
    parts = []
    for device in seen.values():
        pairs = [("Kind", device.kind), ("Fingerprint", device.fingerprint)]
        for name, value in device.facts.items():
            text = fmt.size(value) if name.endswith("_bytes") and isinstance(value, int) else str(value)
            pairs.append((name, ", ".join(value) if isinstance(value, tuple) else text))
        pairs += [(name, f"unavailable: {reason}") for name, reason in device.unavailable.items()]
        parts.append(details(f"{device.name}: {device.title}", definitions(pairs), open_=len(seen) == 1))
    return join(parts)


def provenance(named: Named, files: Sequence[str]) -> Html:
    """With what each case was measured: hashes, versions and record files, so that it can be checked and repeated."""
    rows = []
    heads = ["Case", "Record", "Artifact, sha256", "Runtime", "How a sample ends", "Agent sha256"]
    for index, (place, record) in enumerate(named):
        tool, artifact = record.tool, record.artifact
        file = files[index] if index < len(files) else ""
        settings = ", ".join(f"{name}={value}" for name, value in sorted(tool.settings.items())) if tool else ""
        model = [artifact.name, _small(tag("code", artifact.sha256))] if artifact else [f"{fmt.NONE} no artifact"]
        runtime = f"{tool.runtime} {tool.version}, Python {tool.python}" if tool else f"{fmt.NONE} did not start"
        cells = [
            tag("th", link(place, view.model_text(record.case)), _small(view.how_text(record.case)), scope="row"),
            tag("td", file or f"run {record.run.id}", _small(["key ", tag("code", record.case_key[:16])])),
            tag("td", model),
            tag("td", runtime, _small(settings)),
            tag("td", tool.sync if tool else fmt.NONE),
            tag("td", tag("code", tool.agent_sha256[:16]) if tool else fmt.NONE),
        ]
        rows.append(tag("tr", cells))
    return table("Files, hashes and versions", heads, rows)
