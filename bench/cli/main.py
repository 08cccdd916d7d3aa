"""The `bench` command: its verbs, and what every error and interruption looks like."""

from __future__ import annotations

import importlib
import signal
import sys
from types import FrameType
from typing import Any

import click

from bench import __version__
from bench.base.errors import BenchError, ExitCode
from bench.cli.common import reader_may_leave

# verb -> its one line in --help. The module bench.cli.VERB is imported when the verb is used.
VERBS = {
    "run": "Measure models on devices: latency, where it ran, op profile, report.",
    "gate": "Tell whether a change made a model slower, or a run is over its budget.",
    "compare": "Put runs, devices or backends side by side: what differs, medians, ops.",
    "history": "Show how a case's median went over its runs, and whether there is a new step.",
    "records": "Export, import, merge or prune records.",
    "models": "List the model zoo, show a graph's ops, or build its files.",
    "devices": "List devices, with what is known of them.",
    "show": "List earlier runs, or show one in full.",
    "report": "Write the HTML report of an earlier run again.",
    "export": "Write an earlier run for CI and other tools: JUnit, Markdown, pyperf, ...",
    "tools": "List, fetch or check the native measuring tools that devices run.",
    "doctor": "Tell what this machine can measure, and what disturbs it.",
}


class Verbs(click.Group):
    """Loads a verb's module only when that verb is used, so that --help stays fast."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"bench.cli.{name}").command
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from bench.base.errors import did_you_mean

        if args and args[0] not in VERBS:
            raise click.UsageError(f"no command is called {args[0]!r}. {did_you_mean(args[0], VERBS)}", context)
        return super().resolve_command(context, args)


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done and good; 1 a finding that was asked for; 2 usage or configuration; 3 inconclusive; "
    "4 something was not measured; 70 a fault of bench itself; 130 interrupted.",
)
@click.version_option(__version__, prog_name="bench")
def cli() -> None:
    """How fast a model runs on a device, where the time goes, and whether a change made it slower."""


def print_error(error: BenchError) -> None:
    """asked / found / todo on stderr, never a traceback, within one screen."""
    click.echo(f"bench: {error.asked}", err=True)
    for line in "\n".join(part for part in (error.found, error.todo) if part).splitlines()[:20]:
        click.echo(f"  {line}", err=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def run_cli(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with the documented exit code."""
    # A cancelled CI job sends SIGTERM: treat it as Ctrl-C, so that children are ended and records kept.
    signal.signal(signal.SIGTERM, _interrupt)
    code: int = ExitCode.OK
    try:
        with reader_may_leave():
            result: Any = cli.main(args=arguments, prog_name="bench", standalone_mode=False)
            code = int(result) if isinstance(result, int) else ExitCode.OK
    except click.exceptions.Abort:
        code = ExitCode.INTERRUPTED
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = ExitCode.USAGE
    except BenchError as error:
        print_error(error)
        code = error.exit_code
    except Exception as error:
        code = _our_fault(error)
    sys.exit(int(code))


def _our_fault(error: Exception) -> ExitCode:
    """A crash of ours: named as such, with the traceback in a file."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="bench-crash-", suffix=".txt", delete=False) as stream:
        traceback.print_exc(file=stream)
    click.echo(f"bench: a fault of bench itself: {type(error).__name__}: {error}", err=True)
    click.echo(f"  The traceback is in {stream.name}. Finished records are on disk.", err=True)
    return ExitCode.INTERNAL
