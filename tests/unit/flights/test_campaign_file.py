"""A campaign.yaml that the command names is the one every task reads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from synthetic_flight import FlightFolder

from tasks.delivery import Handover
from tasks.scope import keep_recipe
from uav_workflow.flights.reading import read_flight
from uav_workflow.recipe import load_recipe
from uav_workflow.submission.registry import Registry, record_of


def test_tasks_read_the_campaign_that_the_command_named(ground: FlightFolder, tmp_path: Path) -> None:
    (ground.path.parent / "campaign.yaml").write_text("title: beside\n")
    named = tmp_path / "elsewhere" / "campaign.yaml"
    named.parent.mkdir()
    named.write_text("title: named\n")
    workspace, recipe = tmp_path / "workspace", load_recipe(None, [])
    flight, findings = read_flight(ground.path, campaign=named)
    assert flight is not None
    record = Registry(workspace).register(flight, findings)
    keep_recipe(workspace, recipe)

    task = Handover(flight=record.flight_id, recipe=recipe.recipe_id, workspace=str(workspace), revision="")
    read = task.read_flight()

    assert read.campaign is not None
    assert read.campaign.title == "named"


def test_another_campaign_file_is_another_revision(ground: FlightFolder) -> None:
    flight, findings = read_flight(ground.path)
    assert flight is not None
    record = record_of(flight, findings)
    assert record.campaign_file is None
    assert replace(record, campaign_file="/elsewhere/campaign.yaml").revision != record.revision
