"""The flights of the demo, and which figures each of them answers for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from uav_workflow.simulation.options import SimulationOptions

PLOTS_WITHIN_M = (12.0, 9.0)
"""Plots lie where both flights see them well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoFlight:
    """A simulated flight and the products it is judged by.

    Attributes
    ----------
    judged : frozenset of str
        Kinds whose rows have a bound that counts; the other rows are shown. Surface, cover and biomass are asked of
        the rig, which is calibrated.
    """

    options: SimulationOptions
    judged: frozenset[str]


def demo_flights(seed: int) -> dict[str, DemoFlight]:
    """A rig of 30 captures of 1.2 MP and 24 RGB photos over one scene with one set of 20 plots, 12 of them harvested.

    Both carry post-processed positions (geo.txt): plots of a metre can't be matched with a consumer receiver.
    """
    meadow = SimulationOptions(scene_seed=seed, plots=20, harvested=12, plots_within=PLOTS_WITHIN_M, ppk=True)
    placed = {"reconstruction", "orthomosaic"}
    return {
        "rig": DemoFlight(
            options=replace(meadow, sensor="rededge", captures=30, gsd_cm=2.0, seed=seed),
            judged=frozenset(placed | {"dsm", "reflectance", "plots", "biomass"}),
        ),
        "rgb": DemoFlight(
            options=replace(meadow, sensor="rgb", captures=24, gsd_cm=1.25, image_size=(2000, 1500), seed=seed + 1),
            judged=frozenset(placed),
        ),
    }
