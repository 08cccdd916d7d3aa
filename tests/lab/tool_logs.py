"""Logs of TFLite's tools, one for every form that they have had, and what stands before a line where others log too."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "backends" / "tflite" / "logs"
LOGS = {path.stem: path.read_text() for path in sorted(FOLDER.glob("*.txt"))}
WHOLE = sorted(set(LOGS) - {"csv_g1"})
PREFIXES = (
    "",
    "INFO: ",
    "WARNING: ",
    "I tflite  : ",
    "07-14 13:14:52.097 22838 22838 I tflite  : ",
    "I/tflite  ( 539): ",
)
