"""A small simulated flight with plots: tables re-made, and a run that is killed."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.end_to_end.conftest import UAV, Run, end_node, environment, run_uav
from uav_workflow.simulation.flight import simulate
from uav_workflow.simulation.options import SimulationOptions

FOLLOWING = {"plot_predictors", "biomass", "plots", "match", "report", "handover"}
"""What a corrected observations.csv re-makes."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "meadow"
    simulate(folder, SimulationOptions(sensor="rgb", captures=9, gsd_cm=3.0, seed=3, image_size=(800, 600), plots=12))
    return folder


@pytest.fixture(scope="module")
def killed_then_run(folder: Path, workspace: Path) -> Run:
    """First run: worker and node are killed while the engine works. Second run: to the end."""
    command = [*UAV, "run", str(folder), "--workspace", str(workspace), "--json"]
    first = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(), start_new_session=True
    )
    node = wait_for(lambda: running_node(workspace), 240)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    for process in [*node.children(recursive=True), node]:
        process.kill()
    wait_for(lambda: not node.is_running() or node.status() == psutil.STATUS_ZOMBIE, 30)
    return run_uav(folder, workspace)


def running_node(workspace: Path) -> psutil.Process | None:
    """The node's process once its engine works on this flight."""
    for state in (workspace / "node" / "tasks").glob("*/state.json"):
        document = json.loads(state.read_text(encoding="utf-8"))
        if document["status"] == 20 and document.get("prepared"):
            lock = json.loads((workspace / "node" / "node.json").read_text(encoding="utf-8"))
            return psutil.Process(lock["pid"])
    return None


def wait_for(condition: Callable[[], Any], seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s in vain")


def test_a_killed_run_is_completed_by_the_next(killed_then_run: Run) -> None:
    assert killed_then_run.status == 0, killed_then_run.log
    assert killed_then_run.document["status"] == "complete"
    assert killed_then_run.document["not_made"] == {}


def test_no_draft_and_no_lock_is_left(killed_then_run: Run) -> None:
    assert list((killed_then_run.workspace / "products").rglob(".draft-*")) == []


def test_plots_carry_drone_and_ground(killed_then_run: Run) -> None:
    with killed_then_run.file("plots", "plots.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["source"] for row in rows} == {"drone", "ground"}
    assert {"fvc_green", "height_mean", "agb_dry"} <= {row["variable"] for row in rows if row["source"] == "drone"}
    assert all(row["value"] or row["reason"] or row["text"] for row in rows)
    assert not [row for row in rows if row["value"].startswith("-9999")]


def test_a_corrected_table_remakes_what_follows_and_not_the_node_task(killed_then_run: Run) -> None:
    table = killed_then_run.folder / "observations.csv"
    original = table.read_text(encoding="utf-8")
    corrected = original.replace(",visual,", ",photograph,")
    assert corrected != original
    try:
        table.write_text(corrected, encoding="utf-8")
        again = run_uav(killed_then_run.folder, killed_then_run.workspace)
    finally:
        table.write_text(original, encoding="utf-8")
    assert again.status == 0, again.log
    before, after = killed_then_run.document["products"], again.document["products"]
    assert {kind for kind in before if before[kind]["path"] != after[kind]["path"]} == FOLLOWING
    assert len(list((killed_then_run.workspace / "products" / again.document["flight"]).glob("node_task-*"))) == 1


def test_the_folder_of_the_user_is_unchanged(killed_then_run: Run) -> None:
    names = {path.name for path in killed_then_run.folder.iterdir()}
    assert names == {"images", "truth", "flight.yaml", "plots.geojson", "observations.csv"}


def test_the_workspace_can_be_asked(killed_then_run: Run) -> None:
    command = [*UAV, "plots", "--workspace", str(killed_then_run.workspace), "--variable", "agb_dry"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, env=environment())
    rows = list(csv.DictReader(answer.stdout.splitlines()))
    assert rows
    assert {row["variable"] for row in rows} == {"agb_dry"}
    status = subprocess.run(
        [*UAV, "status", "--workspace", str(killed_then_run.workspace), "--json"],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    )
    flights = {row["flight"]: row for row in json.loads(status.stdout)["flights"]}
    assert flights[killed_then_run.document["flight"]]["failures"] == {}


def test_luigi_itself_runs_the_tasks(killed_then_run: Run) -> None:
    """`luigi --module tasks` finds the products complete."""
    flight = killed_then_run.document["flight"]
    recipe = next((killed_then_run.workspace / "recipes").glob("*.yaml")).stem
    command = [*UAV[:2], "luigi", "--module", "tasks", "Match", "--local-scheduler", "--flight", flight]
    command += ["--recipe", recipe, "--workspace", str(killed_then_run.workspace)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert ended.returncode == 0, ended.stderr
    assert "complete ones were encountered" in ended.stderr + ended.stdout


def test_the_node_can_be_ended(killed_then_run: Run) -> None:
    end_node(killed_then_run.workspace)
    assert not (killed_then_run.workspace / "node" / "node.json").exists()
