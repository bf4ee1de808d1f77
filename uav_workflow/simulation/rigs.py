"""Multispectral rigs that can fly: bands, and what each sees of the scene's five."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uav_workflow.simulation.materials import BANDS, reflectance_table
from uav_workflow.simulation.sky import Light

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RigBand:
    """One camera of a rig.

    Attributes
    ----------
    name : str
        As the maker's tags have it.
    centre_nm, fwhm_nm : int
    mix : tuple of float
        Its reflectance and its light as a mixture of `materials.BANDS`: the scene knows no other spectra.
    typical, typical_panel : float
        Mean reflectance that the meter expects of a meadow, and of a panel on it.
    """

    name: str
    centre_nm: int
    fwhm_nm: int
    mix: tuple[float, float, float, float, float]
    typical: float
    typical_panel: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """Cameras that expose together; the second one is that to which the others' angles refer."""

    model: str
    bands: tuple[RigBand, ...]
    reference: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        """Bands in rig order."""
        return tuple(band.name for band in self.bands)

    @property
    def mix(self) -> FloatArray:
        """(bands, 5): from `materials.BANDS` to the rig's."""
        return np.array([band.mix for band in self.bands])

    def reflectances(self) -> NDArray[np.float32]:
        """Mean reflectance of every material, (bands, materials)."""
        return np.asarray(self.mix @ reflectance_table(), np.float32)

    def light(self, light: Light) -> Light:
        """Irradiance in the rig's bands."""
        return Light(self.mix @ light.direct, self.mix @ light.diffuse)


def _of(name: str) -> tuple[float, float, float, float, float]:
    blue, green, red, nir, red_edge = (float(name == band) for band in BANDS)
    return blue, green, red, nir, red_edge


_FIVE = (
    RigBand(name="Blue", centre_nm=475, fwhm_nm=20, mix=_of("Blue"), typical=0.065, typical_panel=0.28),
    RigBand(name="Green", centre_nm=560, fwhm_nm=20, mix=_of("Green"), typical=0.10, typical_panel=0.28),
    RigBand(name="Red", centre_nm=668, fwhm_nm=10, mix=_of("Red"), typical=0.115, typical_panel=0.28),
    RigBand(name="NIR", centre_nm=840, fwhm_nm=40, mix=_of("NIR"), typical=0.33, typical_panel=0.36),
    RigBand(name="Red edge", centre_nm=717, fwhm_nm=10, mix=_of("Red edge"), typical=0.19, typical_panel=0.32),
)
_FIVE_MORE = (
    RigBand(
        name="Blue-444", centre_nm=444, fwhm_nm=28, mix=(1.0, 0.0, 0.0, 0.0, 0.0), typical=0.065, typical_panel=0.28
    ),
    RigBand(
        name="Green-531", centre_nm=531, fwhm_nm=14, mix=(0.3, 0.7, 0.0, 0.0, 0.0), typical=0.09, typical_panel=0.28
    ),
    RigBand(
        name="Red-650", centre_nm=650, fwhm_nm=16, mix=(0.0, 0.15, 0.85, 0.0, 0.0), typical=0.113, typical_panel=0.28
    ),
    RigBand(
        name="Red edge-705", centre_nm=705, fwhm_nm=10, mix=(0.0, 0.0, 0.4, 0.0, 0.6), typical=0.16, typical_panel=0.30
    ),
    RigBand(
        name="Red edge-740", centre_nm=740, fwhm_nm=18, mix=(0.0, 0.0, 0.0, 0.5, 0.5), typical=0.26, typical_panel=0.34
    ),
)
RIGS = {
    "rededge": Rig(model="RedEdge-M", bands=_FIVE),
    "rededge_dual": Rig(model="RedEdge-MX", bands=(*_FIVE, *_FIVE_MORE)),
}
"""A five-band rig, and the pair of cameras with ten bands, with the wavelengths of their tags."""
