"""The formats of `bench export`: their names, and where each is written. A module has render(given) -> str."""

from __future__ import annotations

import importlib

from bench.reports.export_given import Given

# name -> (module in this room, its one line in --help)
FORMATS = {
    "markdown": ("export_markdown", "for a pull request's comment or $GITHUB_STEP_SUMMARY"),
    "junit": ("export_junit", "JUnit XML: a suite for the run, a test case for each case"),
    "github": ("export_github", "annotations (::error, ::warning, ::notice) for a GitHub job's log"),
    "bencher": ("export_bencher", "Bencher Metric Format"),
    "github-action-benchmark": ("export_action", "customSmallerIsBetter of github-action-benchmark"),
    "pytest-benchmark": ("export_pytest_benchmark", "JSON for `pytest-benchmark compare`"),
    "pyperf": ("export_pyperf", "JSON for `pyperf compare_to` and `pyperf stats`"),
    "chrome-trace": ("export_trace", "op profiles for Perfetto or chrome://tracing"),
    "model-explorer": ("export_model_explorer", "node data of one op profile for Model Explorer"),
}


def render(format: str, given: Given) -> str:
    """The run in that format. Raises NotMeasuredError where the run has nothing that the format can hold."""
    module, _ = FORMATS[format]
    text: str = importlib.import_module(f"bench.reports.{module}").render(given)
    return text
