"""Units of ground observations, brought to the house units without guessing."""

from __future__ import annotations

import re

from uav_workflow.domain.ground import VARIABLES

TEXT_VARIABLES = frozenset(name for name, unit in VARIABLES.items() if not unit)
_LENGTH = {"m": 1.0, "cm": 0.01, "mm": 0.001}
_SHARE = {"1": 1.0, "fraction": 1.0, "m2/m2": 1.0, "%": 0.01, "percent": 0.01}
_DENSITY = {"g/m2": 1.0, "kg/m2": 1000.0, "kg/ha": 0.1, "t/ha": 100.0, "g/cm2": 1e4}
_MASS_G = {"g": 1.0, "kg": 1000.0, "mg": 0.001}
_SUPERSCRIPTS = str.maketrans("²⁻¹", "2-1")
_QUADRAT = r"(?:quadrat|plot|sample|frame)"


class UnitError(ValueError):
    """A value can't be brought to the house unit; `code` is the finding's."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


def to_house_unit(variable: str, value: float, unit: str, area_m2: float | None) -> float:
    """Value in the variable's house unit (`VARIABLES`).

    A mass needs the harvested area; a share needs a unit, since 45 and 0.45 are both written for cover. Counts and leaf
    area index are pure numbers by definition and may go without.

    Parameters
    ----------
    unit : str
        As written: ``%``, ``cm``, ``g/m2``, ``g m-2``, ``g/0.25 m2``, ``g`` …
    area_m2 : float or None
        Harvested area of the row.

    Raises
    ------
    UnitError
        The unit is missing, unknown for this variable, or a mass comes without its area.
    """
    plain = _plain(unit)
    if variable in ("species_richness", "lai"):
        if plain in ("", "1", "count", "species", "m2/m2"):
            return value
        raise UnitError("wrong-unit", f"unit '{unit}' does not fit {variable}", "write 1")
    if not plain:
        raise UnitError(
            "missing-unit", f"{variable} {value:g} has no unit; it is not used", f"write {_fitting(variable)}"
        )
    if VARIABLES[variable] == "g/m2":
        return _biomass(variable, value, unit, plain, area_m2)
    factors = _LENGTH if VARIABLES[variable] == "m" else _SHARE
    if plain not in factors:
        raise UnitError(
            "wrong-unit", f"unit '{unit}' does not fit {variable}; it is not used", f"write {_fitting(variable)}"
        )
    return value * factors[plain]


def _biomass(variable: str, value: float, unit: str, plain: str, area_m2: float | None) -> float:
    if plain in _DENSITY:
        return value * _DENSITY[plain]
    stated = re.fullmatch(r"(k?g)/([\d.]+)m2", plain)
    if stated and float(stated[2]) > 0:
        return value * _MASS_G[stated[1]] / float(stated[2])
    mass = re.fullmatch(rf"(k?g|mg)(?:/{_QUADRAT})?", plain)
    if mass is None:
        raise UnitError(
            "wrong-unit", f"unit '{unit}' does not fit {variable}; it is not used", f"write {_fitting(variable)}"
        )
    if area_m2 is None:
        message = f"{variable} {value:g} {unit} is a mass without the harvested area; it is not used"
        raise UnitError("harvest-without-area", message, "fill area_m2 (0.25 for a 0.5 m quadrat)")
    return value * _MASS_G[mass[1]] / area_m2


def _plain(unit: str) -> str:
    """One spelling: ``g m-2``, ``g·m⁻²``, ``g.m^-2`` and ``g/m²`` all become ``g/m2``; ``Mg`` becomes ``t``."""
    text = re.sub(r"^Mg\b", "t", unit.strip()).lower().translate(_SUPERSCRIPTS)
    text = text.replace("^", "").replace("sqm", "m2").replace("[%]", "%")
    text = re.sub(r"[\s.·*]+(m|cm)-2$", r"/\g<1>2", text)
    text = re.sub(r"[\s.·*]+ha-1$", "/ha", text)
    return re.sub(r"\s+per\s+", "/", text).replace(" ", "")


def _fitting(variable: str) -> str:
    return {
        "1": "1 (0 - 1) or %",
        "m": "m, cm or mm",
        "g/m2": "g/m2, kg/ha, t/ha, or g with area_m2",
    }[VARIABLES[variable]]
