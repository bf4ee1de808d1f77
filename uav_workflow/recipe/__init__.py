"""A recipe: every setting that changes a number. Its parts enter the fingerprints of the products that use them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from uav_workflow.domain.digest import fingerprint
from uav_workflow.errors import RecipeError
from uav_workflow.recipe.captures import Acceptance, Calibration, MarkerBeside, Photogrammetry, Reflectance
from uav_workflow.recipe.handover import Handover
from uav_workflow.recipe.section import Section
from uav_workflow.recipe.vegetation import Biomass, CanopyHeight, Cover, Indices, Plots

__all__ = ["Acceptance", "Calibration", "Handover", "MarkerBeside", "Recipe", "load_recipe"]


class Recipe(Section):
    """All settings of a run that change a number."""

    calibration: Calibration = Calibration()
    photogrammetry: Photogrammetry = Photogrammetry()
    reflectance: Reflectance = Reflectance()
    acceptance: Acceptance = Acceptance()
    indices: Indices = Indices()
    cover: Cover = Cover()
    canopy_height: CanopyHeight = CanopyHeight()
    plots: Plots = Plots()
    biomass: Biomass = Biomass()
    handover: Handover = Handover()

    @property
    def recipe_id(self) -> str:
        """Digest of every setting."""
        return fingerprint(self.model_dump(mode="json"))


def load_recipe(path: Path | None = None, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and apply ``section.key=value`` overrides (values are YAML).

    Parameters
    ----------
    path : Path, optional
        YAML file with any of the sections; the defaults when absent.
    overrides : sequence of str
        Such as ``photogrammetry.orthomosaic_cm=5``.

    Raises
    ------
    RecipeError
        Unknown key, impossible value, or a file that is no recipe.
    """
    document: Any = {}
    if path is not None:
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
            raise RecipeError(f"{path}: can't be read as a recipe ({exc})") from exc
    if not isinstance(document, dict):
        raise RecipeError(f"{path}: a recipe is a YAML mapping of sections ({', '.join(Recipe.model_fields)})")
    for override in overrides:
        _apply(document, override)
    try:
        return Recipe.model_validate(document)
    except ValidationError as exc:
        raise RecipeError("; ".join(_sentence(error) for error in exc.errors())) from exc


def _apply(document: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    section, dot, name = key.partition(".")
    if not (equals and dot and name):
        raise RecipeError(f"--set {override}: write section.key=value, such as photogrammetry.orthomosaic_cm=5")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        raise RecipeError(f"--set {override}: the value is not valid YAML") from exc
    target = document.setdefault(section, {})
    parent, _, leaf = name.rpartition(".")
    if parent:
        target = target.setdefault(parent, {})
    target[leaf] = value


def _sentence(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    # a path in a message keeps its capitals
    text = str(error["msg"]).removeprefix("Value error, ")
    given = error.get("input")
    # a whole section is not repeated: the message says what of it is wrong
    shown = "" if isinstance(given, dict | list) else f" (given: {given!r})"
    return f"recipe {where}: {text[:1].lower()}{text[1:]}{shown}"
