"""Maps of the report: one raster, its plots, a scale bar, a colour bar with unit."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.ground import Plot
from uav_workflow.rasters.preview import Preview, preview

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapStyle:
    """How one band is drawn."""

    title: str
    band: str | None
    """Band to colour; None draws the first three as a picture."""
    unit: str = ""
    colours: str = "viridis"
    limits: tuple[float, float] | None = None
    shaded: bool = False
    """Draw as relief: hillshade under transparent colours."""


def draw_map(
    path: Path, style: MapStyle, plots: Sequence[Plot] = (), overlay: Callable[[Axes], None] | None = None
) -> str:
    """Draw a raster as a data URI, and over it the plots and whatever else ``overlay`` adds, in the raster's CRS."""
    view = preview(path, 1100)
    figure, axes = _canvas(view)
    if style.band is None:
        _draw_picture(axes, view)
    else:
        _draw_values(figure, axes, view, style)
    _draw_plots(axes, plots, view.crs)
    if overlay is not None:
        overlay(axes)
    _draw_scale_bar(axes, view.bounds)
    axes.set_title(style.title, fontsize=11, loc="left")
    return as_data_uri(figure)


def as_data_uri(figure: Figure) -> str:
    """Inline a figure as JPEG: a photograph is a quarter of its PNG then, and the page stays light."""
    buffer = io.BytesIO()
    options = {"quality": 80, "optimize": True, "subsampling": 0}
    figure.savefig(buffer, format="jpeg", bbox_inches="tight", pad_inches=0.08, pil_kwargs=options)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def _canvas(view: Preview) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    x_min, y_min, x_max, y_max = view.bounds
    aspect = (y_max - y_min) / (x_max - x_min)
    figure = Figure(figsize=(6.4, min(max(6.4 * aspect, 3.0), 9.0)), dpi=120)
    axes = figure.add_subplot()
    axes.set_aspect("equal")
    axes.tick_params(labelsize=7, colors="#667")
    axes.ticklabel_format(style="plain", useOffset=False)
    axes.locator_params(nbins=4)
    for spine in axes.spines.values():
        spine.set_color("#bbc")
    return figure, axes


def _extent(view: Preview) -> tuple[float, float, float, float]:
    x_min, y_min, x_max, y_max = view.bounds
    return x_min, x_max, y_min, y_max


def _draw_picture(axes: Axes, view: Preview) -> None:
    """Natural colours: eight-bit as it is, reflectance stretched at its 2nd and 98th percentile."""
    by_name = {name.lower(): index for index, name in enumerate(view.bands)}
    bands = view.values[list(naturally(view.bands))]
    rgb = np.moveaxis(bands, 0, -1)
    valid = np.isfinite(rgb).all(axis=-1)
    if "alpha" in by_name:
        valid &= view.values[by_name["alpha"]] > 0
    if not valid.any():
        return
    low, high, gamma = natural_limits(bands[:, valid])
    picture = np.clip((rgb - low) / (high - low), 0, 1) ** gamma
    axes.imshow(np.dstack([np.nan_to_num(picture), valid.astype(float)]), extent=_extent(view))


def naturally(bands: Sequence[str]) -> tuple[int, ...]:
    """Places of red, green and blue among the bands; the first three where they are not named."""
    by_name = {name.lower(): index for index, name in enumerate(bands)}
    order = tuple(by_name.get(name, position) for position, name in enumerate(("red", "green", "blue")))
    return order[: len(bands)]


def natural_limits(bands: FloatArray) -> tuple[float, float, float]:
    """Values drawn black and white, and the exponent between: eight-bit as it is, reflectance stretched."""
    known = bands[np.isfinite(bands)]
    if not known.size or 1.5 < float(known.max()) <= 255:
        return 0.0, 255.0, 1.0
    low, high = (float(value) for value in np.percentile(known, (2, 98)))
    return low, max(high, low + 1e-9), 1 / 1.8


def _draw_values(figure: Figure, axes: Axes, view: Preview, style: MapStyle) -> None:
    values = view.band(style.band or view.bands[0])
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        axes.text(0.5, 0.5, "no valid pixel", transform=axes.transAxes, ha="center")
        return
    low, high = style.limits or tuple(float(v) for v in np.percentile(finite, (1, 99)))
    if style.shaded:
        axes.imshow(hillshade(values, view.pixel_m), cmap="gray", vmin=0, vmax=1, extent=_extent(view))
    image = axes.imshow(
        values,
        cmap=style.colours,
        vmin=low,
        vmax=max(high, low + 1e-9),
        extent=_extent(view),
        alpha=0.45 if style.shaded else 1.0,
    )
    bar = figure.colorbar(image, ax=axes, fraction=0.035, pad=0.02)
    bar.set_label(style.unit, fontsize=8)
    bar.ax.tick_params(labelsize=7)


def hillshade(height: FloatArray, pixel_m: float, azimuth_deg: float = 315, elevation_deg: float = 45) -> FloatArray:
    """Lambertian shading of a surface, 0 - 1 (Horn, 1981, with central differences)."""
    dy, dx = np.gradient(height, pixel_m)
    azimuth, elevation = math.radians(azimuth_deg), math.radians(elevation_deg)
    norm = np.sqrt(1 + dx * dx + dy * dy)
    east, north, up = -dx / norm, dy / norm, 1 / norm
    light = (
        east * math.sin(azimuth) * math.cos(elevation)
        + north * math.cos(azimuth) * math.cos(elevation)
        + up * math.sin(elevation)
    )
    shaded: FloatArray = np.clip(light, 0, 1)
    return shaded


def _draw_plots(axes: Axes, plots: Sequence[Plot], crs: str) -> None:
    if not plots:
        return
    import geopandas

    by_crs: dict[str, list[Plot]] = {}
    for plot in plots:
        by_crs.setdefault(plot.crs, []).append(plot)
    for source, group in by_crs.items():
        shapes = geopandas.GeoSeries([plot.geometry for plot in group], crs=source).to_crs(crs)
        for plot, shape in zip(group, shapes, strict=True):
            for ring in getattr(shape, "geoms", [shape]):
                axes.plot(*ring.exterior.xy, color="#e4002b", linewidth=0.9)
            if len(plots) <= 40:
                x, y = shape.centroid.x, shape.bounds[3]
                axes.annotate(
                    plot.plot_id,
                    (x, y),
                    textcoords="offset points",
                    xytext=(0, 1.5),
                    fontsize=5.5,
                    ha="center",
                    color="#b00020",
                )


def _draw_scale_bar(axes: Axes, bounds: tuple[float, float, float, float]) -> None:
    x_min, y_min, x_max, y_max = bounds
    raw = (x_max - x_min) / 5
    step = 10 ** math.floor(math.log10(raw))
    length = max(factor * step for factor in (1, 2, 5) if factor * step <= raw)
    x0, y0 = x_min + 0.04 * (x_max - x_min), y_min + 0.035 * (y_max - y_min)
    axes.plot([x0, x0 + length], [y0, y0], color="white", linewidth=5, solid_capstyle="butt")
    axes.plot([x0, x0 + length], [y0, y0], color="black", linewidth=2.5, solid_capstyle="butt")
    label = f"{length:g} m"
    axes.annotate(
        label,
        (x0 + length / 2, y0),
        textcoords="offset points",
        xytext=(0, 4),
        ha="center",
        fontsize=7,
        bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.8},
    )
