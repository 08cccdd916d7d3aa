"""One section for each case, and the comparison of op types: charts, and the same as tables for who has no script."""

from __future__ import annotations

from collections.abc import Sequence

from bench.records.types import Profile, Record
from bench.reports import (
    accuracy_text,
    energy_text,
    html_figures,
    html_samples,
    html_sustained,
    invocation_text,
    throughput_text,
    view,
)
from bench.reports import format as fmt
from bench.reports.conditions import condition_table, unknown_conditions
from bench.reports.html_figures import Figure
from bench.reports.html_tags import Html, definitions, details, join, number, table, tag
from bench.reports.op_groups import STATED

TABLE_ROWS = 15
_NO_SAMPLES = "The tool tells a summary of each invocation and no samples: there is no distribution to show."


class Charts:
    """Collects the figures of a page in order; each gets a place with an id and a description in words."""

    def __init__(self) -> None:
        self.specs: list[dict[str, object]] = []

    def place(self, figure: Figure, title: str, note: str = "") -> Html:
        name = f"chart-{len(self.specs)}"
        self.specs.append({"id": name, **figure.spec})
        caption = tag("figcaption", tag("strong", title), *([f" {note}"] if note else []))
        style = f"min-height:{figure.height}px"
        plot = tag("div", id=name, class_="plot", role="img", aria_label=f"{title}. {figure.says}", style=style)
        return tag("figure", caption, plot)


def op_types(records: Sequence[Record], charts: Charts) -> Html:
    """Per model: time per op type, the cases side by side, as chart and table. Empty where nothing was profiled."""
    models: dict[str, list[Record]] = {}
    for record in records:
        if record.measured and record.profile is not None and record.profile.rows:
            models.setdefault(view.model_text(record.case), []).append(record)
    parts = []
    for model, group in models.items():
        parts.append(tag("h3", model))
        parts.append(charts.place(html_figures.op_types(group), "Time per op type"))
        parts.append(details("The same as a table", _op_type_table(model, group)))
    return join([tag("p", STATED, class_="small"), *parts]) if parts else Html("")


def _op_type_table(model: str, records: Sequence[Record]) -> Html:
    groups = html_figures.shown_groups(records)
    times = [html_figures.group_times(record) for record in records]
    profiles = [record.profile for record in records if record.profile is not None]
    rows = [(group, [one.get(group, 0.0) for one in times]) for group in groups]
    others = html_figures.other_times(records, groups)
    if any(others):
        rows.append(("other types", others))
    rows.append(("gap (not in any op row)", [profile.gap_ns for profile in profiles]))
    rows.append(("total", [profile.total_ns for profile in profiles]))
    lines = [
        tag(
            "tr",
            tag("th", name, scope="row"),
            [number(_in(profile, ns)) for profile, ns in zip(profiles, cells, strict=True)],
        )
        for name, cells in rows
    ]
    heads = ["Op type", *(f">{view.how_text(record.case)}" for record in records)]
    return table(f"{model}: time per op type and inference", heads, lines)


def _in(profile: Profile, ns: float) -> str:
    """All times of a profile have the unit and the decimals of its total, so that they can be compared by eye."""
    return fmt.scale(profile.total_ns).text(ns)


def case_section(place: str, record: Record, charts: Charts, device: bool) -> Html:
    """Everything about one measured case."""
    summary = view.numbers(record)
    assert summary is not None
    facts = [
        ("Replayed from", view.replayed_from(record)),
        ("Median", f"{view.median_text(summary)} {view.interval_text(summary)} {view.unsteady_text(record)}".strip()),
        (
            "p90, p95, p99",
            ", ".join(view.percentile_text(summary, one) for one in (summary.p90, summary.p95, summary.p99)),
        ),
        ("Samples", view.samples_text(summary)),
        ("Range", view.range_text(summary)),
        ("Placement", view.placement_text(record.placement)),
        ("How placement was read", record.placement.evidence),
        ("Output", _agreement_words(record)),
        ("Against fp32", accuracy_text.fp32_text(record)),
        *((name.capitalize(), value) for name, value in throughput_text.details(record)),
        *((name.capitalize(), value) for name, value in energy_text.details(record)),
        *((name.capitalize(), value) for name, value in accuracy_text.details(record)),
    ]
    parts = [
        tag("h3", view.case_text(record.case, device)),
        definitions(facts),
        html_sustained.section(record, charts),
        _samples(record, charts) if summary.of == "samples" else tag("p", _NO_SAMPLES, class_="small"),
        _profile(record, charts),
        details("Invocations", _invocations(record)),
    ]
    parts += _conditions(record)
    return tag("section", parts, id=place, class_="case")


def _samples(record: Record, charts: Charts) -> Html:
    samples, shown, total = html_samples.samples(record)
    note = f"{fmt.count(shown)} of {fmt.count(total)} samples shown"
    note += "." if shown == total else "; every extreme is among them."
    pair = [
        charts.place(samples, "Latency over time,", f"one colour per invocation. {note}"),
        charts.place(html_samples.distribution(record), "Distribution,", "one line per invocation."),
    ]
    return tag("div", pair, class_="pair")


def _conditions(record: Record) -> list[Html]:
    rows = [
        tag("tr", tag("th", row.name, scope="row"), tag("td", row.before), tag("td", row.during), tag("td", row.after))
        for row in condition_table(record)
    ]
    unknown = [
        tag("li", tag("strong", names), f" unavailable: {reason}") for reason, names in unknown_conditions(record)
    ]
    parts: list[Html] = []
    if rows:
        heads = ["Condition", "Before", "During", "After"]
        parts.append(table("Conditions before, during and after", heads, rows))
    if unknown:
        parts.append(tag("ul", unknown, class_="small"))
    return [details("Conditions", *parts)] if parts else []


def _agreement_words(record: Record) -> str:
    agreement = record.agreement
    text = view.agreement_text(record)
    if agreement is None or agreement.ok is None:
        return text
    rule = f" ({agreement.tolerance})" if agreement.tolerance else ""
    iou = "" if agreement.mask_iou is None else f"; mask IoU {agreement.mask_iou:.4f}"
    return f"{text}: largest difference from {agreement.reference}{rule}{iou}"


def _profile(record: Record, charts: Charts) -> Html:
    profile = record.profile
    if profile is None:
        names = f" What ran: {view.op_names_text(record, TABLE_ROWS)}" if record.op_names else ""
        return tag("p", f"No profile: {record.profile_reason or 'no reason was given'}.{names}")
    best = view.top_ops(profile, TABLE_ROWS)
    lines = [
        (str(row.position), row.op_type, row.name, _in(profile, row.time_ns), row.time_ns, f"{row.calls:g}")
        for row in best.rows
    ]
    if best.other_count:
        other = fmt.counted(best.other_count, "op")
        lines.append(("", "other", other, _in(profile, best.other_ns), best.other_ns, ""))
    lines.append(("", "gap", "not in any op row", _in(profile, profile.gap_ns), profile.gap_ns, ""))
    lines.append(("", "total", "", _in(profile, profile.total_ns), profile.total_ns, ""))
    rows = [
        tag(
            "tr",
            [number(at), tag("th", kind, scope="row"), tag("td", name, class_="name"), number(time)],
            [number(fmt.percent(view.share(ns, profile))), number(calls)],
        )
        for at, kind, name, time, ns, calls in lines
    ]
    heads = [">#", "Op type", "Name", ">Time", ">Share", ">Calls"]
    some = f"The {len(best.rows)} dearest of {fmt.counted(len(profile.rows), 'op')}" if best.other_count else "All ops"
    caption = f"{some}, per inference"
    source = f"{profile.source}, mean of {fmt.counted(profile.inferences, 'inference')}; {view.slowdown_text(profile)}."
    gap = view.wide_gap(profile)
    return join(
        [
            charts.place(html_figures.ops(record), "Where the time goes.", source),
            [tag("p", tag("span", "warning", class_="badge warn"), f" {gap}")] if gap else [],
            [tag("p", note, class_="small") for note in profile.notes],
            details(f"Op table ({caption[0].lower()}{caption[1:]})", table(caption, heads, rows)),
        ]
    )


def _invocations(record: Record) -> Html:
    rows = []
    for index, one in enumerate(record.invocations, 1):
        begin = map(fmt.short_duration, (one.spawn_ns, one.load_ns, one.first_inference_ns))
        apart = map(fmt.short_duration, (one.input_copy_ns, one.output_read_ns))
        told = [invocation_text.warmup_text(one), invocation_text.centre_text(one), *invocation_text.counts_text(one)]
        cells = [*begin, *told, *apart, invocation_text.memory_text(one.memory)]
        rows.append(tag("tr", tag("th", str(index), scope="row", class_="num"), map(number, cells)))
    heads = [">#", ">Start", ">Load", ">First", ">Warm-up", ">Median", ">Samples", ">Turns"]
    heads += [">Input copy", ">Output read", ">Peak memory"]
    return table("Invocations: each is one start of the runtime's process", heads, rows)
