"""The report: one HTML file that works without a network, without a server, and for its numbers without a script."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

from bench.records.types import Record
from bench.reports import format as fmt
from bench.reports import html_figures, html_tables, view
from bench.reports.html_bundle import Bundle, plotly_bundle
from bench.reports.html_cases import Charts, case_section, op_types
from bench.reports.html_tags import Html, details, embedded_json, join, link, tag, trusted

HOW_TO_READ = (
    "The median is over all samples; a sample is one inference, from the call until the result is ready. The interval "
    "says where the median of such a run lies with 95 % confidence; it counts invocations (starts of the runtime's "
    "process), since samples of one invocation are alike. Only the digits that it leaves standing are printed. "
    "A percentile that so few samples cannot give is refused, with the reason. Placement says where the graph really "
    "ran. Output compares the results with a reference on the same input. Op times come from a run of their own, "
    "since profiling slows a run down; the gap is what no op accounts for."
)


def render(
    records: Sequence[Record],
    title: str,
    cache: Path,
    *,
    repeat: str = "",
    files: Sequence[str] = (),
    generated: str = "",
) -> str:
    """The whole page. cache: a folder in which plotly's packed script is kept for the next report.

    repeat: the command that does it again (else the records' own); files: the records' file names, in their order;
    generated: when, ISO 8601 (else now).
    """
    named = [(f"case-{number}", record) for number, record in enumerate(records, 1)]
    charts = Charts()
    sections = _sections(named, charts, repeat, files)
    at = generated or datetime.now(UTC).isoformat(timespec="seconds")
    body = join(
        [
            tag("a", "Skip to the results", href="#results", class_="skip"),
            tag("header", tag("h1", title), _lead(records), _navigation(sections)),
            tag("main", [_section(*one) for one in sections]),
            tag("footer", tag("p", f"Made {at} by bench {records[0].run.bench_version if records else ''}".rstrip())),
        ]
    )
    return page(title, body, charts, plotly_bundle(cache) if charts.specs else Bundle("", ""))


def _sections(
    named: html_tables.Named, charts: Charts, repeat: str, files: Sequence[str]
) -> list[tuple[str, str, Html]]:
    """(id, title, content) of what there is to show."""
    records = [record for _, record in named]
    medians = html_figures.medians(records)
    device = view.several_devices(records)
    how = details("How to read this", tag("p", HOW_TO_READ))
    chart = charts.place(medians, "Medians", "with their 95 % intervals.") if medians else Html("")
    no_script = tag("noscript", tag("p", "The charts need JavaScript; their numbers are in the tables.", class_="note"))
    cases = [case_section(place, one, charts, device) for place, one in named if one.measured]
    found = [
        ("results", "Results", join([html_tables.results_table(named), how])),
        ("failed", "Not measured", _with_places(named)),
        ("findings", "Findings", html_tables.findings(records)),
        ("compare", "Medians side by side", join([no_script, chart]) if medians else Html("")),
        ("ops", "Where the time goes", op_types(records, charts)),
        ("cases", "Case by case", join(cases if medians else [no_script, *cases]) if cases else Html("")),
        ("device", "Device" if not device else "Devices", html_tables.devices(records)),
        ("provenance", "To check and repeat", join([_repeat(records, repeat), html_tables.provenance(named, files)])),
    ]
    return [one for one in found if one[2]]


def _with_places(named: html_tables.Named) -> Html:
    """The failures, each reachable from its row in the results."""
    return join(
        tag("section", html_tables.failures([one]), id=one[0], class_="case") for one in named if not one[1].measured
    )


def _section(name: str, title: str, content: Html) -> Html:
    return tag("section", tag("h2", title, id=f"{name}-title"), content, id=name, aria_labelledby=f"{name}-title")


def _navigation(sections: Sequence[tuple[str, str, Html]]) -> Html:
    return tag("nav", tag("ul", [tag("li", link(name, title)) for name, title, _ in sections]), aria_label="Sections")


def _lead(records: Sequence[Record]) -> Html:
    """What was measured, where and when, in a sentence or two."""
    if not records:
        return tag("p", "There are no records.", class_="lead")
    lost = len(view.failed(records))
    what = f"{fmt.counted(len(records) - lost, 'case')} measured" + (f", {lost} failed" if lost else "")
    titles = list(dict.fromkeys(f"{record.device.name} ({record.device.title})" for record in records))
    runs = list(dict.fromkeys(f"{record.run.id}, {record.run.started}" for record in records))
    where = "; ".join(titles)
    return tag("p", tag("strong", what), f" on {where}. Run {'; '.join(runs)}.", class_="lead")


def _repeat(records: Sequence[Record], repeat: str) -> Html:
    commands = [repeat] if repeat else list(dict.fromkeys(shlex.join(record.run.command) for record in records))
    if not any(commands):
        return Html("")
    return join([tag("p", "To measure this again:"), tag("pre", tag("code", "\n".join(commands)), tabindex=0)])


def _static(name: str) -> str:
    return (resources.files("bench.reports") / "static" / name).read_text("utf-8")


def page(title: str, body: Html, charts: Charts, bundle: Bundle) -> str:
    """A whole HTML file around a body, with the scripts and data of its charts where it has any."""
    figures = embedded_json({"figures": charts.specs, "missing": bundle.reason})
    # Only scripts that carry this word run, and nothing may be fetched: should a name out of a record ever slip
    # through unescaped, it stays dead text. The word depends on the content, so no record can know it.
    nonce = hashlib.sha256(f"{body}{figures}".encode()).hexdigest()[:32]
    policy = f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; img-src data: blob:"
    head = join(
        [
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=policy),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("title", title),
            tag("style", trusted(_static("report.css"))),
        ]
    )
    scripts = ""
    if charts.specs:
        parts = [tag("script", figures, type="application/json", id="figures")]
        parts.append(tag("script", trusted(bundle.packed), type="text/plain", id="plotly"))
        parts.append(tag("script", trusted(_static("report.js")), nonce=nonce))
        scripts = "\n".join(parts)
    lines = ["<!DOCTYPE html>", '<html lang="en">', tag("head", head), f"<body>{body}", scripts, "</body>", "</html>"]
    return "\n".join([*lines, ""])
