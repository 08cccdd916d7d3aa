"""Three boards of loopback, for trying `bench` by hand (`python tests/lab/boards.py DIR`) and for tests of all at once.

tx2 (jetson), coral (raspberry-pi with an Edge TPU) and pi (raspberry-pi) are this machine behind real SSH servers. What
only such a board has is a stand-in: tegrastats, nvpmodel, jetson_clocks, trtexec, vcgencmd and libedgetpu print what
real ones print, and compute nothing. So no number of an accelerator there is one.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from sshd import Board, missing

TESTS = Path(__file__).resolve().parent.parent
TRTEXEC = TESTS / "backends" / "tensorrt" / "stand_in_trtexec.py"
EDGETPU = TESTS / "backends" / "edgetpu_stand_in.c"
COMPILER = TESTS / "models" / "edgetpu_stand_in.py"
TX2 = (
    "RAM 1179/7858MB (lfb 1414x4MB) SWAP 0/3929MB (cached 0MB) CPU [9%@345,off,off,6%@345,5%@345,4%@345] "
    "EMC_FREQ 4%@665 GR3D_FREQ 0%@114 PLL@37.5C MCPU@37.5C PMIC@100C Tboard@33C GPU@36C BCPU@37.5C thermal@37.2C "
    "Tdiode@35.25C VDD_SYS_GPU 152/152 VDD_SYS_SOC 382/382 VDD_4V0_WIFI 0/0 VDD_IN 1759/1759 VDD_SYS_CPU 152/152"
)
CLOCKS = """SOC family:tegra186  Machine:quill
Online CPUs: 0,3-5
cpu0: Online=1 Governor=schedutil MinFreq={least} MaxFreq=2035200 CurrentFreq=345600 IdleStates: C1=1 c7=1
cpu1: Online=0 Governor=schedutil MinFreq=345600 MaxFreq=2035200 CurrentFreq=345600 IdleStates: C1=1 c6=1 c7=1
GPU MinFreq={gpu} MaxFreq=1300500000 CurrentFreq=114750000
EMC MinFreq=40800000 MaxFreq=1866000000 CurrentFreq=665600000 FreqOverride=0
Fan: speed=0
NV Power Mode: MAXN
"""
PACKAGES = (
    "nvidia-jetpack 4.6.1-b110\\nlibnvinfer8 8.2.1-1+cuda10.2\\nlibnvinfer-bin 8.2.1-1+cuda10.2\\nlibcudnn8 8.2.1.32\\n"
)


def jetson_programs(board: Board) -> None:
    """Programs of a Jetson TX2, which keep the power mode and whether clocks are held in DIR/state."""
    state = board.folder / "state"
    state.mkdir()
    (state / "mode").write_text("3\n")
    (state / "held").write_text("no\n")
    board.program("tegrastats", f"while echo '{TX2}'; do sleep 0.05; done")
    board.program("dpkg-query", f"printf '{PACKAGES}'; echo 'no packages found matching tensorrt' >&2; exit 1")
    board.program(
        "nvpmodel",
        f'case $1 in -q) echo "NV Power Mode: MODE"; cat {state}/mode;; -m) echo $2 >{state}/mode;; esac',
    )
    free = CLOCKS.format(least=345600, gpu=114750000)
    held = CLOCKS.format(least=2035200, gpu=1300500000)
    board.program(
        "jetson_clocks",
        f'case "$1" in --show) [ $(cat {state}/held) = yes ] && echo "{held}" || echo "{free}";; '
        f'--store) cp {state}/held "$2";; --restore) cp "$2" {state}/held;; *) echo yes >{state}/held;; esac',
    )
    board.program("sudo", 'shift; exec "$@"')


def pi_programs(board: Board) -> None:
    """Programs of a Raspberry Pi whose voltage once was low."""
    board.program(
        "vcgencmd",
        'case "$*" in get_throttled) echo throttled=0x10000;; measure_temp) echo "temp=48.3\'C";; '
        '"measure_clock arm") echo "frequency(48)=1500398464";; "measure_clock core") echo "frequency(1)=500000992";; '
        'version) printf "Mar 17 2023 10:50:39 \\nCopyright (c) 2012 Broadcom\\n";; esac',
    )


def python_with_edgetpu(board: Board) -> str:
    """An interpreter there that finds a stand-in of libedgetpu; plain Python where no C compiler is."""
    compiler = shutil.which("cc")
    if compiler is None:
        return sys.executable
    library = board.folder / "lib" / "libedgetpu.so.1"
    library.parent.mkdir()
    subprocess.run([compiler, "-shared", "-fPIC", "-DMODE=0", "-o", library, EDGETPU], check=True)
    board.program("python3", f'LD_LIBRARY_PATH={library.parent} exec {sys.executable} "$@"')
    return str(board.bin / "python3")


class Lab:
    """folder: gets the boards, `bench.toml`, and `home`: a home folder for us whose ~/.ssh/config knows them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        (self.home / ".ssh").mkdir(parents=True, mode=0o700)
        self.boards = {name: Board(folder / "boards" / name) for name in ("tx2", "coral", "pi")}
        with contextlib.ExitStack() as stack:
            stack.callback(self.close)
            self._fill()
            stack.pop_all()

    def _fill(self) -> None:
        hosts = ""
        for name, board in self.boards.items():
            hosts += (
                f"Host {name}\n  HostName 127.0.0.1\n  Port {board.port}\n  User {board.user}\n"
                f"  IdentityFile {board.key}\n  UserKnownHostsFile {board.client}/.ssh/known_hosts\n"
            )
        (self.home / ".ssh" / "config").write_text(hosts)
        jetson_programs(self.boards["tx2"])
        for name in ("coral", "pi"):
            pi_programs(self.boards[name])
        shutil.copy(TRTEXEC, self.boards["tx2"].bin / "trtexec")
        compiler = self.folder / "edgetpu_compiler"
        compiler.write_text(f'#!/bin/sh\nexec {sys.executable} {COMPILER} "$@"\n')
        for program in (compiler, self.boards["tx2"].bin / "trtexec"):
            program.chmod(0o755)
        here = sys.executable
        self.tables: dict[str, dict[str, Any]] = {
            "tx2": {"kind": "jetson", "host": "tx2", "python": here, "power_mode": 0},
            "coral": {
                "kind": "raspberry-pi",
                "host": "coral",
                "python": python_with_edgetpu(self.boards["coral"]),
                "accelerator": "edgetpu",
                "variant": "edgetpu",
            },
            "pi": {"kind": "raspberry-pi", "host": "pi", "python": here},
        }
        self.write(tools={"edgetpu_compiler": str(compiler)})

    def write(self, **tables: dict[str, Any]) -> None:
        """bench.toml, of the devices and of other tables."""
        lines = []
        for title, table in ({f"devices.{name}": table for name, table in self.tables.items()} | tables).items():
            lines += [f"[{title}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items()), ""]
        (self.folder / "bench.toml").write_text("\n".join(lines))

    def close(self) -> None:
        for board in self.boards.values():
            board.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n\n")[0])
    parser.add_argument("folder", metavar="DIR", type=Path, help="a folder that is not there yet; all lies below it")
    folder = parser.parse_args().folder.absolute()
    reason = missing()
    if reason or folder.exists():
        print(reason or f"{folder} is there already: name another folder.", file=sys.stderr)
        return 2
    lab = Lab(folder)
    try:
        print(
            f"Boards {', '.join(lab.boards)} listen until Ctrl-C. In another terminal:\n\n"
            f"  cd {folder} && export HOME={lab.home} && unset SSH_AUTH_SOCK\n"
            "  bench devices\n"
            "  bench run --device tx2 --device coral --device pi --device local --model prisma\n"
            "  bench run --device tx2 --backend trtexec --accelerator gpu --model prisma",
            flush=True,
        )
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
    finally:
        lab.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
