"""`bench gate`: two versions against each other, or a run against its budgets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from bench.base.errors import UsageError
from bench.cli.common import config_option, json_option, load_config, results_folder, results_option

# What goes with --run: where it reads, and how it tells
_WITH_RUN = ("run", "results", "config", "as_json", "markdown")


@click.command("gate")
@click.option("--model", "-m", "models", multiple=True, metavar="MODEL", help="Model of both arms. Repeatable.")
@click.option("--base", metavar="A", help="Model, variant of --model, era=NAME, or git:REVISION: what was.")
@click.option("--head", metavar="B", help="The same of what is now.")
@click.option("--base-env", metavar="PATH", help="Python interpreter of the base's agent, or its native tool.")
@click.option("--head-env", metavar="PATH", help="The same of the head.")
@click.option("--device", "-d", "devices", multiple=True, metavar="NAME", help="Device (default: local).")
@click.option("--backend", "-b", "backends", multiple=True, metavar="NAME", help="Runtime: litert, onnxruntime, ...")
@click.option("--accelerator", "-a", "accelerators", multiple=True, metavar="NAME", help="cpu, gpu, npu, auto, ...")
@click.option("--variant", metavar="NAME", help="Precision of a zoo model, where it is not what is compared.")
@click.option("--era", metavar="ERA", help="Op forms of a zoo model, where they are not what is compared.")
@click.option("--threads", "-t", multiple=True, type=click.IntRange(1, 1024), help="Threads (default: 1).")
@click.option("--option", "options", multiple=True, metavar="KEY=VALUE", help="A backend's option, in both arms.")
@click.option("--shape", "shapes", multiple=True, metavar="[INPUT=]N,N,..", help="Fix the shape of a dynamic input.")
@click.option("--tool", "named_tools", multiple=True, metavar="NAME=PATH", help="A native tool, in both arms.")
@click.option("--preset", type=click.Choice(("default", "strict")), help="default: 1 %, 5 %; strict: 0 %, 3 %.")
@click.option("--tolerance", type=float, metavar="SHARE", help="Slower by more is a regression: 0.01 is 1 %.")
@click.option("--limit", type=float, metavar="SHARE", help="Surely not as slow as that is good: 0.05 is 5 %.")
@click.option("--alpha", type=float, metavar="SHARE", help="False alarms at most (0.05).")
@click.option("--floor", "floor_ms", type=click.FloatRange(0.0), metavar="MS", help="A change of less is none.")
@click.option("--max-blocks", type=click.IntRange(1, 1000), help="Blocks at most (24).")
@click.option("--budget", "seconds", type=click.FloatRange(0.1), metavar="SECONDS", help="Time for a case at most.")
@click.option("--fresh", is_flag=True, help="Leave the blocks of earlier runs of the same comparison out.")
@click.option("--self-test", is_flag=True, help="Try the gate here: equal arms, and a head that is made slower.")
@click.option("--trials", type=click.IntRange(1, 1000), default=10, help="Of each kind in the self-test (10).")
@click.option(
    "--inject", type=click.FloatRange(0.001, 10.0), default=0.05, metavar="SHARE", help="Its slow-down (0.05)."
)
@click.option("--run", metavar="RUN", help="Check [[gate.budget]] on that run's records (`last`); compare nothing.")
@click.option("--markdown", type=click.Path(path_type=Path), metavar="FILE", help="Write the verdicts there, too.")
@click.option("--seed", type=int, help="Of start arms and environment sizes (default: from the system).")
@click.option("--wait", "wait_s", type=click.FloatRange(0.0), metavar="SECONDS", help="For a device that is held.")
@click.option("--pin/--no-pin", default=None, help="Hold the device's clocks still where it lets us (default: no).")
@results_option
@config_option
@json_option
def command(**given: Any) -> int:
    """Tell whether the head is slower than the base, by turns of both on one device; or check a run's budgets.

    Exit codes: 0 within limit or faster; 1 regressed or over budget; 3 inconclusive; 4 not measured or not comparable.

    \b
    bench gate --base old.tflite --head new.tflite
    bench gate --model prisma --base fp32 --head int8
    bench gate --model prisma --base-env .venv-old/bin/python --head-env .venv-new/bin/python
    bench gate --base git:main --head git:HEAD          with [gate] build in bench.toml
    bench gate --model prisma --self-test
    bench gate --run last
    """
    from bench.cli.gate_session import GateSession, check_budgets
    from bench.gate import config as gate_config

    config = load_config(given["config"])
    gate = gate_config.parse(config.gate, str(config.path or "bench.toml"))
    results = results_folder(given["results"], config)
    if given["run"]:
        _refuse_beside_run()
        return check_budgets(given, gate, results)
    asked = gate_config.CaseRule(
        **{name: given[name] for name in ("preset", "tolerance", "limit", "alpha", "max_blocks", "seconds", "floor_ms")}
    )
    if given["self_test"] or given["models"] or given["base"] or given["head"]:
        from bench.cli.run_given import parse_options, parse_shape, with_attached

        config = with_attached(config, given["devices"])
        given["options"] = parse_options(given["options"])
        given["shapes"] = dict(parse_shape(text) for text in given["shapes"])
        return GateSession(
            given, config, gate, asked, results, sys.stderr if given["as_json"] else sys.stdout
        ).compare()
    raise UsageError(
        "nothing to compare is named", "",
        "Give --base and --head, or --model with --base-env and --head-env; --run last checks budgets.",
    )  # fmt: skip


def _refuse_beside_run() -> None:
    """What says how to compare or to measure would be ignored. Raises UsageError."""
    context = click.get_current_context()
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        if source is click.core.ParameterSource.COMMANDLINE and option.name not in _WITH_RUN:
            todo = "Leave one out: bench gate --run last, or bench gate --base A --head B."
            raise UsageError(f"--run with {option.opts[0]}", "--run only reads that run's records.", todo)
