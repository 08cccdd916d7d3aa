"""What the command line of `bench gate` names, as pairs of arms: plain data for bench.gate, found through bench.run."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from bench.backends import registry, tools
from bench.backends.batch import batch_of
from bench.backends.client import InvocationFailed
from bench.backends.job import Job, Output
from bench.base.errors import UsageError
from bench.base.paths import portable
from bench.gate.arm import Arm, Pair
from bench.gate.config import GateConfig
from bench.gate.revisions import built
from bench.models import artifacts
from bench.models.artifacts import VARIANTS
from bench.models.inspect import describe, sha256_of
from bench.models.scaling import Scaling
from bench.models.zoo.entry import ZooEntry
from bench.records.types import Agreement, Artifact, Case
from bench.run.asked import Request
from bench.run.case import PRECISIONS
from bench.run.config import Config
from bench.run.plan import Plan, Planned, make_plan
from bench.run.reference import References, make_reference, seeded
from bench.run.shapes import resolve_shapes

REVISION, ERA = "git:", "era="


@dataclass(frozen=True)
class Named:
    """One side as it was named. text: of --base or --head, empty where both share --model; environment: of --*-env."""

    side: str
    text: str
    environment: str

    @property
    def revision(self) -> str:
        return self.text.removeprefix(REVISION) if self.text.startswith(REVISION) else ""


@dataclass(frozen=True)
class Pairs:
    """plans: of both sides, for what was skipped or lost; alone: cases that only one side has, in words."""

    pairs: tuple[Pair, ...]
    plans: tuple[Plan, ...]
    alone: tuple[str, ...] = ()


def find(
    base: Named, head: Named, given: dict[str, Any], config: Config, gate: GateConfig, cache: Path,
    stack: contextlib.ExitStack,
) -> Pairs:  # fmt: skip
    """The pairs of arms, one for each case. stack: holds what was built of revisions. Raises UsageError, BuildError."""
    axis = _axis(base, head, gate, bool(given["self_test"]))
    sides = []
    for named in (base, head):
        made, commit = _built(named, gate, config, stack)
        request = _request(named, given, made if gate.builds == "model" else None)
        plan = make_plan(request, config)
        sides.append((named, plan, commit, made if gate.builds == "tool" else None))
    references = References(cache)
    files = Files({**config.tools, **tools.assignments(given["named_tools"])}, cache)
    found: list[Pair] = []
    rows: list[dict[tuple[object, ...], Planned]] = [_by_place(plan.cases, given) for _, plan, _, _ in sides]
    for place in rows[0]:
        if place in rows[1]:
            arms = [
                _arm(named, row[place], commit, tool, files, references)
                for (named, _, commit, tool), row in zip(sides, rows, strict=True)
            ]
            found.append(Pair(base=arms[0], head=arms[1], axis=axis))
    alone = [
        f"{row[place].case.device} · {row[place].case.label}: only the {sides[number][0].side} has this case"
        for number, row in enumerate(rows)
        for place in row
        if place not in rows[1 - number]
    ]
    return Pairs(tuple(found), tuple(plan for _, plan, _, _ in sides), tuple(alone))


def _axis(base: Named, head: Named, gate: GateConfig, self_test: bool) -> Any:
    """What the user asked to compare. Raises UsageError where nothing differs, or two things at once."""
    files = base.text != head.text
    runtimes = base.environment != head.environment
    if gate.builds == "tool" and (base.revision or head.revision):
        files, runtimes = False, runtimes or files
    if self_test:
        if files or runtimes:
            raise UsageError("--self-test", "compares an arm with itself", "Name the model alone: --model NAME.")
        return "none"
    if files and runtimes:
        todo = "Compare the models in one runtime, then the runtimes with one model."
        raise UsageError(
            "two things differ at once", "the model and the runtime: which one it was cannot be told", todo
        )
    if not files and not runtimes:
        todo = "Give --base and --head, or --base-env and --head-env; --self-test compares equal arms."
        raise UsageError("nothing differs between base and head", "", todo)
    return "artifact" if files else "runtime"


def _built(named: Named, gate: GateConfig, config: Config, stack: contextlib.ExitStack) -> tuple[Path | None, str]:
    if not named.revision:
        return None, ""
    if not gate.build:
        todo = 'Write build = "COMMAND that writes {out}" below [gate] in bench.toml.'
        raise UsageError(f"--{named.side} {named.text}", "how a revision is built is not said", todo)
    repository = config.path.parent if config.path else Path.cwd()
    name = gate.built if gate.builds == "model" else "tool"
    return stack.enter_context(built(named.revision, gate.build, name, repository, gate.build_limit_s))


def _request(named: Named, given: dict[str, Any], made: Path | None) -> Request:
    models: Sequence[str] = given["models"]
    variants, eras = tuple(filter(None, [given["variant"]])), tuple(filter(None, [given["era"]]))
    if made is not None:
        if models:
            raise UsageError(f"--{named.side} {named.text}", "is the model itself, and --model names another", _ONE)
        models = (str(made),)
    elif named.text and not named.revision:
        if named.text.startswith(ERA):
            eras = (named.text.removeprefix(ERA),)
        elif models and named.text in VARIANTS:
            variants = (named.text,)
        elif models:
            raise UsageError(f"--{named.side} {named.text}", f"is no variant: {', '.join(VARIANTS)}, or era=NAME", _ONE)
        else:
            models = (named.text,)
    if not models:
        raise UsageError(f"--{named.side}", "says nothing of which model it is", "Name it, or add --model NAME.")
    return Request(
        models=tuple(dict.fromkeys(models)), devices=given["devices"], backends=given["backends"],
        accelerators=given["accelerators"], variants=variants, eras=eras, threads=given["threads"],
        options=given["options"], shapes=given["shapes"],
    )  # fmt: skip


_ONE = "Leave --model out to compare two models; give it to compare two variants or runtimes of one."


def _by_place(cases: Sequence[Planned], given: dict[str, Any]) -> dict[tuple[object, ...], Planned]:
    """By all that both arms of a pair must share; the model only where --model names it for both."""

    def place(case: Case) -> tuple[object, ...]:
        options = tuple(sorted(case.options.items()))
        model = case.model if given["models"] else ""
        return case.device, case.backend, case.accelerator, case.threads, options, model

    return {place(planned.case): planned for planned in cases}


def _arm(named: Named, planned: Planned, commit: str, tool: Path | None, files: Files, references: References) -> Arm:
    path = files.of(planned)
    case, artifact = planned.case, _artifact(planned, path, files.cache)
    try:
        shapes = resolve_shapes(case.shapes, artifact.graph.inputs, batch_of(case.options))
        case = msgspec.structs.replace(case, shapes=shapes)
    except InvocationFailed as failed:
        raise UsageError(failed.error.message, "", failed.error.todo) from None
    native = registry.backend(case.backend).native
    environment = str(tool) if tool else named.environment
    scaling = planned.source.scaling if isinstance(planned.source, ZooEntry) else None
    words = (named.text, named.environment, "" if named.text or named.environment else case.model)
    return Arm(
        label=portable(" ".join(filter(None, words))), case=case, path=path, artifact=artifact,
        seeded=lambda device: seeded(device, path, scaling, files.cache),
        agree=partial(_agree, references, files.reference(planned, path), scaling),
        python="" if native else _interpreter(named, case),
        tools={**files.known, case.backend: environment} if environment and native else files.known,
        environment=portable(environment), revision=commit,
    )  # fmt: skip


def _interpreter(named: Named, case: Case) -> str:
    """On this host a name of the PATH will do; elsewhere it is a path there. Raises UsageError."""
    chosen = named.environment
    if not chosen or case.device != "local":
        return chosen
    found = shutil.which(str(Path(chosen).expanduser()))
    if found is None:
        todo = "Give the path of a Python interpreter, such as .venv/bin/python."
        raise UsageError(f"--{named.side}-env {chosen}", "no such program", todo)
    # Not resolved: a virtual environment's interpreter is a link that must not be followed.
    return str(Path(found).absolute())


def _artifact(planned: Planned, path: Path, cache: Path) -> Artifact:
    return Artifact(
        name=portable(path.name), sha256=sha256_of(path),
        source="zoo" if isinstance(planned.source, ZooEntry) else "file", graph=describe(path, cache),
    )  # fmt: skip


@dataclass(frozen=True)
class Files:
    """The model files of cases. known: native tools by name, which some variants are compiled with."""

    known: dict[str, str]
    cache: Path

    def of(self, planned: Planned) -> Path:
        source, case = planned.source, planned.case
        return source if isinstance(source, Path) else self._zoo(source, case, case.variant, case.format)

    def reference(self, planned: Planned, path: Path) -> Path | None:
        """What LiteRT's reference kernels can run in the place of the file; None: there is nothing."""
        source, case = planned.source, planned.case
        if isinstance(source, ZooEntry) and case.variant == "edgetpu":
            return self._zoo(source, case, "int8-io", "tflite")  # what was compiled; the compiled file needs the TPU
        if case.format == "tflite":
            return path
        return self._zoo(source, case, case.variant, "tflite") if isinstance(source, ZooEntry) else None

    def _zoo(self, entry: ZooEntry, case: Case, variant: str, format: str) -> Path:
        return artifacts.build(
            entry.id, variant=variant, era=case.era, format=format, cache=self.cache, tools=self.known
        )


def _agree(
    references: References,
    tflite: Path | None,
    scaling: Scaling | None,
    arm: Arm,
    job: Job,
    outputs: Sequence[Output],
) -> Agreement:
    """Against LiteRT's reference kernels on the arm's own network; else two arms of one file against each other."""
    return references.judge(
        arm.artifact.sha256, "the base", tflite, sha256_of(tflite) if tflite else "", list(outputs),
        PRECISIONS.get(arm.case.variant, "fp32"), job.case.shapes,
        lambda file: make_reference(job, file, scaling),
    )  # fmt: skip
