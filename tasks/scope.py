"""What the tasks of one run share: the flight's record, the recipe, the store. Loaded once a process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from uav_workflow.domain.product import Json
from uav_workflow.errors import StoreError
from uav_workflow.recipe import Recipe, load_recipe
from uav_workflow.store import Store
from uav_workflow.submission.registry import FlightRecord, Registry


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """One flight under one recipe in one workspace."""

    workspace: Path
    record: FlightRecord
    recipe: Recipe
    store: Store

    @property
    def scratch(self) -> Path:
        """Folder for work that must survive a crash (uploads, downloads) but is no product."""
        folder = self.workspace / "scratch" / self.record.flight_id
        folder.mkdir(parents=True, exist_ok=True)
        return folder


@lru_cache(maxsize=64)
def load_scope(workspace: str, flight: str, revision: str, recipe: str) -> Scope:
    """Read record and recipe; the revision keeps a changed folder from meeting an old answer.

    Raises
    ------
    StoreError
        The flight was registered anew since the task was made.
    """
    root = Path(workspace)
    record = Registry(root).find(flight)
    if revision and revision != record.revision:
        raise StoreError(f"flight {flight} has changed since this run began; run it again")
    return Scope(root, record, load_recipe(recipe_path(root, recipe)), Store(root, describe_file))


def recipe_path(workspace: Path, recipe_id: str) -> Path:
    """Where a workspace keeps the recipes its tasks name."""
    return workspace / "recipes" / f"{recipe_id}.yaml"


def keep_recipe(workspace: Path, recipe: Recipe) -> None:
    """Write a recipe down under its id, so that a task can name it."""
    import yaml

    path = recipe_path(workspace, recipe.recipe_id)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_suffix(".part")
        scratch.write_text(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
        scratch.replace(path)


def describe_file(path: Path) -> dict[str, Json]:
    """Grid and bands of a raster, for the manifest."""
    if path.suffix != ".tif":
        return {}
    from uav_workflow.errors import RasterError
    from uav_workflow.rasters.reader import Raster

    try:
        with Raster(path) as raster:
            return {"grid": dict(raster.grid.to_json()), "bands": list(raster.bands)}
    except RasterError:
        return {}
