"""Plot tables of many sites, each with its own deviation: what intervals on unseen sites are measured on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uav_workflow.vegetation.biomass_forms import Sample


def plot_table(
    seed: int, *, sites: int = 20, plots: int = 25, site_sd: float = 0.25
) -> tuple[Sample, NDArray[np.int64]]:
    """Plots of sites that differ in height, in mass per volume, and in the bias of their terrain.

    Parameters
    ----------
    site_sd : float
        Standard deviation of the logarithm of a site's mass per volume; of single plots it is 0.2.

    Returns
    -------
    (sample, site) : Sample, int64 (n,)
        height_mean (m), fvc_green and ndvi_mean with the errors of a drone; agb (g/m2) with those of a harvest.
    """
    draw = np.random.default_rng((seed, 211))
    site = np.repeat(np.arange(sites), plots)
    n = site.size
    height = (0.14 * np.exp(draw.normal(0, 0.5, sites)))[site] * np.exp(draw.normal(0, 0.45, n))
    cover = 1 - np.exp(-9 * height * np.exp(draw.normal(0, 0.2, n)))
    density = 2300 * np.exp(draw.normal(0, site_sd, sites)[site] + draw.normal(0, 0.2, n))
    agb = np.maximum(density * height * (1 + draw.normal(0, 0.06, n)) + draw.normal(0, 8, n), 1.0)
    terrain = draw.normal(0, 0.01, sites)[site]
    values = {
        "height_mean": height + terrain + draw.normal(0, 0.012, n),
        "fvc_green": np.clip(cover + draw.normal(0, 0.03, n), 0, 1),
        "ndvi_mean": 0.15 + 0.7 * cover + draw.normal(0, 0.02, sites)[site] + draw.normal(0, 0.02, n),
    }
    return Sample(values=values, agb=agb), site
