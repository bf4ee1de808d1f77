"""What a user may choose about calibration of captures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from calibration.albedo import PanelTable
from calibration.markers import PanelMarker, shipped_markers
from calibration.panels import PanelPlace, PanelSearch

Bounds = tuple[float, float]

LIMITS: Mapping[str, Bounds] = {
    "panel-cv": (0.03, 0.06),
    "panel-gradient": (0.03, 0.08),
    "panel-saturated": (0.0, 0.001),
    "panel-drift": (0.05, 0.10),
    "panel-drift-without-sun-sensor": (0.05, 0.15),
    "sun-elevation": (30.0, 20.0),
    "sun-sensor-variation": (0.05, 0.15),
    "sun-sensor-tilt": (15.0, 25.0),
    "overlap-residual": (0.05, 0.10),
    "block-gain": (2.0, 3.0),
    "saturated": (0.01, 0.05),
    "out-of-range": (0.005, 0.02),
}
"""Bound of a warning and of a failure, by gate; shares, degrees."""
FACTOR_WARN, FACTOR_FAIL = (0.7, 1.4), (0.5, 2.0)
"""Panel over sun sensor: real cameras lie at 0.79 - 1.21; 100 or 0.01 is a unit, 3.14 or 0.318 a pi."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationSettings:
    """Choices that change the numbers.

    Attributes
    ----------
    panel_tables : tuple of Path
        The user's own tables (serial, centre_nm, albedo, relative_sd); they come before everything else.
    panels : mapping
        The same as serial to wavelength (nm) to reflectance.
    panel_markers : tuple of PanelMarker
        Markers beside the user's panels, over the shipped ones.
    panel_places : mapping
        Image name to the place of the panel in it, where neither code nor marker is seen.
    use_panels, use_sun_sensor : bool
    smooth_sun_sensor : bool
        Under a steady sky the readings of a flight become one straight line times sin(sun elevation), which takes
        the noise of a tilting sensor out; under a changing one only wild single readings are replaced.
    block_adjustment : {"auto", "on", "off"}
        Gains of single pictures from their overlaps; ``auto``: where the sun sensor saw a changing sky.
    cap : float
        Largest value written.
    limits : mapping
        Gate to (warning, failure), over `LIMITS`.
    """

    panel_tables: tuple[Path, ...] = ()
    panels: Mapping[str, Mapping[float, float]] = field(default_factory=dict)
    panel_markers: tuple[PanelMarker, ...] = ()
    panel_places: Mapping[str, PanelPlace] = field(default_factory=dict)
    use_panels: bool = True
    use_sun_sensor: bool = True
    smooth_sun_sensor: bool = True
    block_adjustment: Literal["auto", "on", "off"] = "auto"
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
        table = PanelTable.load(self.panel_tables, self.panels)
        return PanelSearch(table=table, markers=(*self.panel_markers, *shipped_markers()), places=self.panel_places)

    def limit(self, gate: str) -> Bounds:
        """Bounds of a gate."""
        return self.limits.get(gate) or LIMITS[gate]
