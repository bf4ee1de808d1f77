"""What a user may choose about calibration of captures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from calibration.gates import Bounds, checked_limits
from calibration.panels.albedo import PanelTable
from calibration.panels.markers import PanelMarker, shipped_markers
from calibration.panels.search import PanelPlace, PanelSearch
from calibration.sun.sky import SkyWish
from uav_workflow.recipe import Calibration, MarkerBeside


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationSettings:
    """Choices that change the numbers.

    Attributes
    ----------
    panel_tables : tuple of Path
        The user's own tables (serial, centre_nm, albedo, relative_sd); they come before everything else.
    panels : mapping
        The same as serial to wavelength (nm) to reflectance.
    panel_relative_sd : float or None
        Relative standard uncertainty of every panel's reflectance; its table's, else 5 %, when absent.
    panel_markers : tuple of PanelMarker
        Markers beside the user's panels, over the shipped ones.
    panel_places : mapping
        Image name to the place of the panel in it, where neither code nor marker is seen.
    use_panels, use_sun_sensor : bool
    sky : {"auto", "clear", "haze", "overcast", "broken"}
        ``auto`` tells it from the data.
    smooth_sun_sensor : bool
        Under a steady sky the readings of a flight become one straight line times sin(sun elevation), which takes
        the noise of a tilting sensor out; under a changing one only wild single readings are replaced.
    block_adjustment : {"auto", "on", "off"}
        Gains of single pictures from their overlaps; ``auto``: where the sun sensor saw a changing sky.
    cap : float
        Largest value written.
    view_correction : {"off", "walthall"}
        Take out what the direction of view does to brightness, with a model fitted to the flight's own overlaps.
    pan_sharpen : bool
        Beside the calibrated pictures of a camera with a panchromatic band write sharpened ones; `uav calibrate` alone.
    limits : mapping
        Gate to its bounds, over those of `gates.RULES`.
    """

    panel_tables: tuple[Path, ...] = ()
    panels: Mapping[str, Mapping[float, float]] = field(default_factory=dict)
    panel_relative_sd: float | None = None
    panel_markers: tuple[PanelMarker, ...] = ()
    panel_places: Mapping[str, PanelPlace] = field(default_factory=dict)
    use_panels: bool = True
    use_sun_sensor: bool = True
    smooth_sun_sensor: bool = True
    sky: SkyWish = "auto"
    block_adjustment: Literal["auto", "on", "off"] = "auto"
    view_correction: Literal["off", "walthall"] = "off"
    pan_sharpen: bool = False
    cap: float = 2.0
    limits: Mapping[str, Bounds] = field(default_factory=dict)

    @property
    def search(self) -> PanelSearch:
        """What is known of panels before they are looked for.

        Raises
        ------
        CalibrationError
            A table can't be read or holds an impossible value.
        """
        table = PanelTable.load(self.panel_tables, self.panels, relative_sd=self.panel_relative_sd)
        return PanelSearch(table=table, markers=(*self.panel_markers, *shipped_markers()), places=self.panel_places)

    @classmethod
    def of(cls, recipe: Calibration, **besides: object) -> CalibrationSettings:
        """What a recipe asks for.

        Parameters
        ----------
        besides : object
            Fields that no recipe holds, such as `panel_tables`.

        Raises
        ------
        RecipeError
            A bound for a gate that does not exist, or the wrong way round.
        CalibrationError
            A marker of a family nobody knows.
        """
        chosen: dict[str, object] = {
            "panels": recipe.panels,
            "panel_relative_sd": recipe.panel_relative_sd,
            "panel_markers": tuple(_marker(row) for row in recipe.panel_markers),
            "panel_places": {
                image: PanelPlace(serial=place.serial, corners=tuple(place.corners))
                for image, place in recipe.panel_places.items()
            },
            "use_panels": recipe.use_panels,
            "use_sun_sensor": recipe.use_sun_sensor,
            "sky": recipe.sky,
            "block_adjustment": recipe.block_adjustment,
            "view_correction": recipe.view_correction,
            "limits": checked_limits(recipe.limits),
        }
        return cls(**{**chosen, **besides})  # type: ignore[arg-type]


def _marker(row: MarkerBeside) -> PanelMarker:
    return PanelMarker.of({name: str(value) for name, value in row.model_dump().items()}, "calibration.panel_markers")
