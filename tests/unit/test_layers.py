"""Every module stands in a layer of the contract in setup.cfg."""

from __future__ import annotations

import configparser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def layered() -> set[str]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    rows = config["importlinter:contract:layers"]["layers"].split("\n")
    return {name.strip() for row in rows for name in row.split("|") if name.strip()}


def test_every_module_is_in_a_layer() -> None:
    inside = {f"uav_workflow.{path.stem}" for path in (ROOT / "uav_workflow").iterdir() if path.suffix in {"", ".py"}}
    rooms = {"tasks", "calibration", "flight_plans"} | {
        name for name in inside if not name.rpartition(".")[2].startswith("__")
    }
    assert rooms - layered() == set()


def test_no_layer_is_empty() -> None:
    for name in layered():
        place = ROOT / name.replace(".", "/")
        assert place.is_dir() or place.with_suffix(".py").is_file(), f"{name} is in the contract but not in the tree"


def test_no_module_is_over_400_lines() -> None:
    packages = ("uav_workflow", "tasks", "calibration", "flight_plans", "benchmarks", "tests")
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for package in packages
        for path in (ROOT / package).rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}
