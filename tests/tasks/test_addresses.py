"""What changes a product, and what does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import tasks
from tasks.failures import Failure
from tasks.photogrammetry import NodeTask, node_options, upload_names
from tasks.product import ProductTask, address_of
from tasks.running import needs
from tasks.scope import Scope
from uav_workflow.domain.product import KINDS
from uav_workflow.engine.options import OPTIONS
from uav_workflow.photogrammetry.fallback import lower
from uav_workflow.photogrammetry.offered import objections, read_offered
from uav_workflow.recipe import load_recipe
from uav_workflow.store import Store
from uav_workflow.submission.registry import FlightRecord

RECORD = FlightRecord(
    flight_id="20260701-0123456789",
    folder="meadow",
    site="meadow",
    campaign=None,
    captured="2026-07-01T05:00:00+00:00",
    sensor="dji_rgb",
    sensor_kind="rgb",
    captures=24,
    plots=20,
    observations=52,
    harvests=12,
    allometry=None,
    gsd_m=0.015,
    inputs={"plots": ["aa"], "observations": ["bb"]},
    findings=[],
)


def scope(tmp_path: Path, record: FlightRecord = RECORD, *settings: str) -> Scope:
    return Scope(tmp_path, record, load_recipe(None, settings), Store(tmp_path))


def addresses(place: Scope) -> dict[str, str]:
    return {task.kind: address_of(task, place).fingerprint for task in (NodeTask, *tasks.TASKS)}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {kind for kind in before if before[kind] != after[kind]}


def test_every_public_kind_has_its_task_in_order() -> None:
    assert tuple(task.kind for task in tasks.TASKS) == KINDS


def test_a_corrected_harvest_table_touches_the_plots_and_what_follows(tmp_path: Path) -> None:
    corrected = replace(RECORD, inputs={**RECORD.inputs, "observations": ["cc"]})
    assert changed(addresses(scope(tmp_path)), addresses(scope(tmp_path, corrected))) == {
        "plot_predictors",
        "biomass",
        "plots",
        "match",
        "report",
        "handover",
    }


def test_control_points_touch_the_node_task_and_everything_made_of_it(tmp_path: Path) -> None:
    surveyed = replace(RECORD, inputs={**RECORD.inputs, "control_points": ["dd"], "adjusting_points": ["ee"]})
    assert changed(addresses(scope(tmp_path)), addresses(scope(tmp_path, surveyed))) == {"node_task", *KINDS}


def test_check_points_do_not_make_a_node_work_again(tmp_path: Path) -> None:
    checked = replace(RECORD, inputs={**RECORD.inputs, "control_points": ["dd"]})
    touched = changed(addresses(scope(tmp_path)), addresses(scope(tmp_path, checked)))
    assert {"reconstruction", "dsm", "report"} <= touched
    assert {"node_task", "orthomosaic", "dtm", "indices"}.isdisjoint(touched)


@pytest.mark.parametrize(
    ("setting", "first", "untouched"),
    [
        ("cover.method=ndvi_otsu", "cover", "indices"),
        ("handover.grids_m=[20]", "handover", "report"),
        ("handover.psf_fwhm=1.2", "handover", "cover"),
        ("indices.names=[GLI]", "indices", "cover"),
        ("photogrammetry.orthomosaic_cm=5", "node_task", None),
    ],
)
def test_a_setting_touches_the_products_that_use_it(
    tmp_path: Path, setting: str, first: str, untouched: str | None
) -> None:
    differing = changed(addresses(scope(tmp_path)), addresses(scope(tmp_path, RECORD, setting)))
    assert first in differing
    assert untouched not in differing


def test_a_moved_folder_is_the_same_flight(tmp_path: Path) -> None:
    moved = replace(RECORD, folder="elsewhere", registered_utc="later")
    assert changed(addresses(scope(tmp_path)), addresses(scope(tmp_path, moved))) == set()


@pytest.mark.parametrize(
    ("record", "missing"),
    [
        (replace(RECORD, plots=0, observations=0, harvests=0), {"plot_predictors", "plots", "match", "biomass"}),
        (replace(RECORD, harvests=2), {"biomass"}),
        (replace(RECORD, harvests=0, allometry="graminoid"), set()),
        (replace(RECORD, observations=0, harvests=0), {"match", "biomass"}),
    ],
)
def test_what_the_folder_does_not_allow_is_said(tmp_path: Path, record: FlightRecord, missing: set[str]) -> None:
    place = scope(tmp_path, record)
    reasons = {task.kind: task.reason_not_made(place) for task in tasks.TASKS}
    assert {kind for kind, reason in reasons.items() if reason} == missing


def test_no_task_needs_what_is_not_made(tmp_path: Path) -> None:
    for record in (RECORD, replace(RECORD, plots=0, observations=0, harvests=0)):
        place = scope(tmp_path, record)
        made: list[type[ProductTask]] = [task for task in tasks.TASKS if task.reason_not_made(place) is None]
        for task in made:
            assert all(up.reason_not_made(place) is None for up in task.upstream(place))


def test_whoever_waits_for_a_failed_task_names_it(tmp_path: Path) -> None:
    place = scope(tmp_path)
    failed = {kind: Failure(kind=kind, blame="service", message="", trace="") for kind in ("node_task", "cover")}
    waiting = {task.kind: needs(task, place, failed) for task in tasks.TASKS}
    assert waiting["dsm"] == "it needs node_task, which failed"
    assert waiting["plots"] == "it needs cover and node_task, which failed"
    assert needs(NodeTask, place, {}) == "something it needs was not run"


def test_base_names_that_repeat_carry_their_folder() -> None:
    assert upload_names(["images/a/IMG_1.JPG", "images/b/IMG_2.JPG"]) == {
        "images/a/IMG_1.JPG": "IMG_1.JPG",
        "images/b/IMG_2.JPG": "IMG_2.JPG",
    }
    assert upload_names(["a/IMG_1.JPG", "b/IMG_1.jpg"]) == {"a/IMG_1.JPG": "a_IMG_1.JPG", "b/IMG_1.jpg": "b_IMG_1.jpg"}
    assert upload_names(["a/b_1.JPG", "a_b/1.JPG", "c/1.JPG"]) == {
        "a/b_1.JPG": "a_b_1.JPG",
        "a_b/1.JPG": "1_a_b_1.JPG",
        "c/1.JPG": "c_1.JPG",
    }


@pytest.mark.parametrize("kind", ["rgb", "multispectral"])
def test_what_is_asked_of_a_node_is_what_the_own_engine_offers(tmp_path: Path, kind: str) -> None:
    offered = read_offered([spec.to_json() for spec in OPTIONS])
    options = node_options(scope(tmp_path, replace(RECORD, sensor_kind=kind)))
    assert options["dsm"] is True
    assert objections(options, offered) == []


def test_the_own_engine_offers_something_to_lower() -> None:
    offered = read_offered([spec.to_json() for spec in OPTIONS])
    assert {step.option for step in lower({}, offered, 24, (), last=True)} >= {"feature-quality"}
