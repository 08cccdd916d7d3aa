"""The wheel: one package `bench`, complete, undisturbed by a user's own packages of the same names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("models", "reports", "devices", "backends", "records")


def test_every_module_is_in_the_wheel(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    for room in ("bench", *ROOMS):
        for path in (ROOT / room).rglob("*.py"):
            place = path.relative_to(ROOT)
            wanted = str(place) if room == "bench" else f"bench/{place}"
            assert wanted in inside, f"{place} is missing: add its folder to [tool.setuptools] packages"
    assert "bench/py.typed" in inside
    assert any(name.startswith("bench/reports/static/") for name in inside)
    assert not [name for name in inside if not name.startswith(("bench/", "bench-"))]


def test_a_users_own_packages_disturb_nothing(wheel: Path, tmp_path: Path) -> None:
    """The wheel beside packages called models, reports, ... that cannot even be imported, on PYTHONPATH and in cwd."""
    site, project = tmp_path / "site", tmp_path / "project"
    zipfile.ZipFile(wheel).extractall(site)
    for room in ROOMS:
        (project / room).mkdir(parents=True)
        (project / room / "__init__.py").write_text("raise ImportError('the user has a package of this name')\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(site), str(project)))}
    done = subprocess.run(
        [sys.executable, "-m", "bench", "run", "-m", "paradox_1", "--time", "0.2", "--invocations", "1", "--json"],
        cwd=project, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (case,) = json.loads(done.stdout)["cases"]
    assert case["measured"] is True
    where = subprocess.run(
        [sys.executable, "-c", "import bench.models; print(bench.models.__file__)"],
        cwd=project, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(where.stdout.strip()).is_relative_to(site)


def test_the_commented_configuration_holds_the_defaults() -> None:
    import tomllib

    import msgspec

    from bench.run.config import RunDefaults

    table = tomllib.loads((ROOT / "bench.toml").read_text())
    assert table == {"run": msgspec.to_builtins(RunDefaults())}
