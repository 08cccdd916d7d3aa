"""What a person should know of a measured case: pure rules over its parts, each with a reason and a remedy."""

from __future__ import annotations

from collections.abc import Sequence

from bench.base.findings import Finding
from bench.records.stats.agreement import ALIVE_STD
from bench.records.types import Accuracy, Agreement, Invocation, Placement, Profile

GAP_LIMIT = 0.10
SLOWDOWN_LIMIT = 1.25
SPREAD_LIMIT = 0.10
SHOWN_PICTURES = 3


def findings(
    placement: Placement,
    agreement: Agreement | None,
    invocations: Sequence[Invocation],
    medians_ns: Sequence[float],
    profile: Profile | None,
    zoo: bool,
    accuracy: Accuracy | None = None,
) -> tuple[Finding, ...]:
    """medians_ns: of each invocation that has turns."""
    found = [*_steady(invocations), *_spread(medians_ns), *_placed(placement), *_agrees(agreement, zoo)]
    if profile is not None:
        found += _profiled(profile)
    if accuracy is not None:
        found += _accurate(accuracy)
    return tuple(found)


def _steady(invocations: Sequence[Invocation]) -> list[Finding]:
    shaky = [index for index, each in enumerate(invocations, 1) if each.steady is False]
    if not shaky:
        return []
    return [
        Finding(
            code="not-steady",
            severity="warning",
            what=f"invocation {', '.join(map(str, shaky))} of {len(invocations)} did not become steady in warm-up",
            why="The last two windows of the warm-up still differed by more than 2 % when its time was over.",
            remedy="Quieten the machine (see `bench doctor`), or allow a longer warm-up: [run] warmup_s in bench.toml.",
        )
    ]


def _spread(medians_ns: Sequence[float]) -> list[Finding]:
    if len(medians_ns) < 2 or min(medians_ns) <= 0:
        return []
    spread = max(medians_ns) / min(medians_ns) - 1
    if spread <= SPREAD_LIMIT:
        return []
    return [
        Finding(
            code="invocations-differ",
            severity="warning",
            what=f"the invocations' medians differ by {spread:.0%}",
            why="The same program, started again, gave another speed: the machine or its memory layout changed.",
            remedy="Read the interval, not the median; more invocations narrow it: [run] invocations in bench.toml.",
        )
    ]


def _placed(placement: Placement) -> list[Finding]:
    if placement.kind == "full":
        return []
    what = {
        "partial": f"only part of the graph ran where it was asked to: {placement.text}",
        "none": "nothing of the graph ran where it was asked to",
        "unknown": f"where the graph ran is unknown: {placement.reason}",
    }[placement.kind]
    return [
        Finding(
            code=f"placement-{placement.kind}",
            severity="warning",
            what=what,
            why="The number is that of another configuration than its name says.",
            remedy="See which ops stayed behind in the op table, column `where`.",
        )
    ]


def _agrees(agreement: Agreement | None, zoo: bool) -> list[Finding]:
    if agreement is None or agreement.ok is None:
        return []
    if not agreement.ok:
        # Integer kernels of two makers round differently: a mask that misses its tolerance is a doubt, not a fault.
        lossy = agreement.tolerance.startswith("mask IoU")
        return [
            Finding(
                code="outputs-differ",
                severity="warning" if lossy else "error",
                what=f"the output is not that of {agreement.reference}: {agreement.reason}",
                why="A wrong answer may be fast for a wrong reason: the latency is not that of this model.",
                remedy="Compare the precision that the runtime computes in, and the model's conversion.",
            )
        ]
    if zoo and agreement.reference_std is not None and agreement.reference_std < ALIVE_STD:
        return [
            Finding(
                code="output-hardly-alive",
                severity="warning",
                what=f"the reference output hardly varies (std {agreement.reference_std:.2g})",
                why="Agreement on an almost constant output says little.",
                remedy="The zoo's weights for this model need another gain.",
            )
        ]
    return []


def _profiled(profile: Profile) -> list[Finding]:
    found: list[Finding] = []
    if abs(profile.gap_share) > GAP_LIMIT:
        found.append(
            Finding(
                code="profile-gap",
                severity="warning",
                what=f"{profile.gap_share:+.0%} of the profiled time stands in no op row",
                why="The op table does not explain the latency: time outside of ops, or times rounded to microseconds.",
                remedy="Read shares of the rows, not of the total, and trust large ops more than small ones.",
            )
        )
    if profile.slowdown is not None and profile.slowdown > SLOWDOWN_LIMIT:
        found.append(
            Finding(
                code="profile-slow",
                severity="warning",
                what=f"profiling slowed the run {profile.slowdown:.2f}x",
                why="Op times include the profiler's own cost, which weighs most on small ops.",
                remedy="Use the op table for the order of ops; the latency is measured without profiling.",
            )
        )
    return found


def _accurate(accuracy: Accuracy) -> list[Finding]:
    found: list[Finding] = []
    if accuracy.unusable:
        shown = "; ".join(accuracy.unusable[:SHOWN_PICTURES])
        more = len(accuracy.unusable) - SHOWN_PICTURES
        found.append(
            Finding(
                code="pictures-unusable",
                severity="warning",
                what=f"{len(accuracy.unusable)} pictures of {accuracy.data} were not used: {shown}"
                + (f"; and {more} more" if more > 0 else ""),
                why="The accuracy is that of the other pictures.",
                remedy="Mend them or take them out of the folder.",
            )
        )
    if accuracy.pixels is None:
        found.append(
            Finding(
                code="accuracy-unknown",
                severity="warning",
                what=f"the accuracy is unknown: {accuracy.reason}",
                why="It was asked for.",
                remedy="Leave --accuracy out for this model, or give one whose output is a mask.",
            )
        )
    elif accuracy.untrained:
        found.append(
            Finding(
                code="untrained-weights",
                severity="info",
                what="the zoo's weights are random: this accuracy says nothing of the network",
                why="It shows that pictures, masks and outputs are read, and where variants of one model part.",
                remedy="Give the file of a trained model.",
            )
        )
    return found
