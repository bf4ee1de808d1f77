"""Vegetation indices by name, from the catalogue of spyndex, block by block."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

import numpy as np
import rasterio
from numpy.typing import NDArray

from uav_workflow.domain.product import Json, Made
from uav_workflow.errors import NotMade, RecipeError
from uav_workflow.findings import Finding, warning
from uav_workflow.rasters.reader import Raster
from uav_workflow.rasters.writer import cog

FloatArray = NDArray[np.float32]

SYMBOLS: Mapping[str, str] = {
    "B": "blue",
    "G": "green",
    "R": "red",
    "RE1": "red_edge",
    "N": "nir",
    "A": "blue_444",
    "G1": "green_531",
    "RE2": "red_edge_740",
}
"""Band of this project behind each band symbol of the catalogue; the last three are the second camera's of a rig of ten
bands. RE1 is the band named red edge (717 nm) there too, so that an index means the same on rigs of five bands."""
ALIASES: Mapping[str, str] = {"NDRE": "NDREI"}
"""Usual name -> name in the catalogue."""
LIMITS: Mapping[str, tuple[float, float]] = {"VARI": (-1.0, 1.0)}
"""Indices that are cut to a range, because their formula runs away beside its pole."""
SOIL_LINE: Mapping[str, float] = dict.fromkeys(("SAVI", "GSAVI", "MNLI", "SARVI"), 0.5)
"""L of the soil-adjusted indices (Huete 1988); the catalogue's single default, 1, is that of EVI."""
CHROMATIC = frozenset({"ExG", "ExR", "ExGR"})
"""Indices of chromaticities r = R / (R + G + B) (Woebbecke et al. 1995), which the catalogue writes as R, G, B."""
RGB_DEFAULT = ("GLI", "NGRDI", "VARI", "RGBVI", "MGRVI")
NIR_DEFAULT = ("NDVI", "NDRE", "GNDVI", "MSAVI")

POLE = 0.05
"""A denominator smaller than this share of the sum of its terms' magnitudes is a pole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """One index of the catalogue, ready to compute.

    Attributes
    ----------
    name, catalogue_name : str
        As asked for, and as spyndex calls it.
    bands : tuple of str
        Bands it needs, by this project's names.
    denominators : tuple of (code, code)
        Every denominator of the formula, and the sum of the magnitudes of its terms.
    """

    name: str
    catalogue_name: str
    formula: str
    reference: str
    symbols: tuple[str, ...]
    constants: Mapping[str, float]
    denominators: tuple[tuple[CodeType, CodeType], ...]

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands it needs, by this project's names."""
        symbols = ("R", "G", "B") if self.chromatic else self.symbols
        return tuple(SYMBOLS[symbol] for symbol in symbols)

    @property
    def chromatic(self) -> bool:
        """True when the formula is of shares of red, green and blue."""
        return self.catalogue_name in CHROMATIC

    @property
    def scale_free(self) -> bool:
        """True when the index does not change with the scale of reflectance, so that relative values will do."""
        draw = np.random.default_rng(0)
        planes = {band: draw.uniform(0.05, 0.5, (1, 16)).astype(np.float32) for band in self.bands}
        once, *_ = self.compute(planes)
        twice, *_ = self.compute({band: 2 * plane for band, plane in planes.items()})
        return bool(np.allclose(once, twice, rtol=1e-4, atol=1e-6, equal_nan=True))

    def compute(self, planes: Mapping[str, FloatArray]) -> tuple[FloatArray, NDArray[np.bool_], NDArray[np.bool_]]:
        """Index of one block.

        Parameters
        ----------
        planes : mapping of band name to float32 (rows, columns)

        Returns
        -------
        values : float32 (rows, columns)
            NaN where a band is missing, negative, or the formula has a pole.
        negative, pole : bool (rows, columns)
            Why a pixel with data has no value.
        """
        import spyndex

        params: dict[str, FloatArray | float] = {symbol: planes[SYMBOLS[symbol]] for symbol in self.symbols}
        present = np.logical_and.reduce([np.isfinite(planes[band]) for band in self.bands])
        negative = present & np.logical_or.reduce([planes[band] < 0 for band in self.bands])
        with np.errstate(all="ignore"):
            if self.chromatic:
                light = sum(planes[band] for band in self.bands)
                params = {symbol: planes[SYMBOLS[symbol]] / light for symbol in self.symbols}
            raw = spyndex.computeIndex(self.catalogue_name, params={**params, **self.constants})
            pole = np.zeros(raw.shape, dtype=bool)
            scope = {**params, **self.constants, "abs": np.abs}
            for signed, magnitude in self.denominators:
                pole |= np.abs(eval(signed, {}, scope)) <= POLE * eval(magnitude, {}, scope)
        values = np.asarray(raw, dtype=np.float32)
        pole = present & ~negative & (pole | ~np.isfinite(values))
        values = np.where(present & ~negative & ~pole, values, np.float32(np.nan))
        if self.name in LIMITS:
            np.clip(values, *LIMITS[self.name], out=values)
        return values, negative, pole


def find_index(name: str) -> Index:
    """Look an index up.

    Raises
    ------
    RecipeError
        The catalogue has no such index, or it needs a band no camera of this project has.
    """
    import spyndex

    catalogue_name = ALIASES.get(name, name)
    if catalogue_name not in spyndex.indices:
        raise RecipeError(f"indices: spyndex knows no index {name}; names are like NDVI, GNDVI, MSAVI, GLI, VARI")
    entry = spyndex.indices[catalogue_name]
    defaults = {symbol: spyndex.constants[symbol].value for symbol in entry.bands if symbol in spyndex.constants}
    constants = {symbol: float(value) for symbol, value in defaults.items() if value is not None}
    if catalogue_name in SOIL_LINE:
        constants["L"] = SOIL_LINE[catalogue_name]
    symbols = tuple(symbol for symbol in entry.bands if symbol not in constants)
    unknown = [symbol for symbol in symbols if symbol not in SYMBOLS]
    if unknown:
        raise RecipeError(f"indices: {name} needs {', '.join(unknown)}; this project has {', '.join(SYMBOLS.values())}")
    return Index(
        name=name,
        catalogue_name=catalogue_name,
        formula=entry.formula,
        reference=entry.reference,
        symbols=symbols,
        constants=constants,
        denominators=_denominators(entry.formula),
    )


def make_indices(reflectance: Path, out: Path, *, names: Sequence[str] | None = None) -> Made:
    """Write ``indices.tif``: one float32 band an index, described by its name.

    Parameters
    ----------
    reflectance : Path
        Raster with bands named blue, green, red, red_edge, nir; relative reflectance will do for ratios.
    out : Path
        Folder.
    names : sequence of str, optional
        Names of spyndex (NDRE is taken for NDREI); `RGB_DEFAULT` or `NIR_DEFAULT` by the bands when absent.

    Raises
    ------
    RecipeError
        An unknown index.
    NotMade
        The bands allow none of the indices.
    """
    with rasterio.open(reflectance) as dataset:
        relative = dataset.tags().get("quantity") == "relative"
    with Raster(reflectance) as source:
        bands = {band.lower(): band for band in source.bands}
        wanted = [find_index(name) for name in names or (NIR_DEFAULT if "nir" in bands else RGB_DEFAULT)]
        indices = [index for index in wanted if all(band in bands for band in index.bands)]
        findings = [_skipped(index, bands) for index in wanted if index not in indices]
        findings.extend(_scale_unknown(index) for index in indices if relative and not index.scale_free)
        if not indices:
            asked = ", ".join(index.name for index in wanted)
            raise NotMade(f"none of {asked} can be computed from the bands {', '.join(source.bands)}")
        needed = tuple(sorted({bands[band] for index in indices for band in index.bands}))
        tallies = {index.name: _Tally() for index in indices}
        with cog(
            out / "indices.tif", source.grid, [index.name for index in indices], units=["1"] * len(indices)
        ) as sink:
            for block in source.grid.blocks():
                cube = source.read(block, needed)
                planes = {band.lower(): plane for band, plane in zip(needed, cube, strict=True)}
                layers = []
                for index in indices:
                    values, negative, pole = index.compute(planes)
                    tallies[index.name].add(values, negative, pole)
                    layers.append(values)
                sink.write(block, np.stack(layers))
    facts: dict[str, Json] = {
        index.name: {
            "formula": index.formula,
            "of_chromaticities": index.chromatic,
            "constants": dict(index.constants),
            "reference": index.reference,
            **tallies[index.name].to_json(),
        }
        for index in indices
    }
    return Made(findings=tuple(findings), facts={"indices": facts})


def _skipped(index: Index, bands: Mapping[str, str]) -> Finding:
    missing = ", ".join(band for band in index.bands if band not in bands)
    return warning("index-band-missing", index.name, f"not computed: the reflectance has no band {missing}")


def _scale_unknown(index: Index) -> Finding:
    text = "its formula needs true reflectance, and the map is relative: the values have no scale of their own"
    return warning("index-needs-reflectance", index.name, text, "photograph a panel, or choose a ratio such as NDVI")


@dataclass(slots=True)
class _Tally:
    """Pixels of one index, counted over the blocks."""

    n: int = 0
    negative: int = 0
    pole: int = 0
    total: float = 0.0
    low: float = math.inf
    high: float = -math.inf

    def add(self, values: FloatArray, negative: NDArray[np.bool_], pole: NDArray[np.bool_]) -> None:
        good = values[np.isfinite(values)]
        self.negative += int(np.count_nonzero(negative))
        self.pole += int(np.count_nonzero(pole))
        self.n += good.size
        if good.size:
            self.total += float(good.sum(dtype=np.float64))
            self.low = min(self.low, float(good.min()))
            self.high = max(self.high, float(good.max()))

    def to_json(self) -> dict[str, Json]:
        seen = self.n + self.negative + self.pole
        return {
            "valid_pixels": self.n,
            "masked_negative_share": self.negative / seen if seen else 0.0,
            "masked_pole_share": self.pole / seen if seen else 0.0,
            "mean": self.total / self.n if self.n else None,
            "min": self.low if self.n else None,
            "max": self.high if self.n else None,
        }


class _Magnitude(ast.NodeTransformer):
    """Turns an expression into the sum of the magnitudes of its terms."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        left = self.visit(node.left)
        right = node.right if isinstance(node.op, ast.Pow) else self.visit(node.right)
        operator = ast.Add() if isinstance(node.op, ast.Sub) else node.op
        return ast.BinOp(left, operator, right)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        visited: ast.AST = self.visit(node.operand)
        return visited

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Call(ast.Name("abs", ast.Load()), [node], [])


def _denominators(formula: str) -> tuple[tuple[CodeType, CodeType], ...]:
    """Compile every divisor of a formula, as it stands and as a sum of magnitudes."""
    tree = ast.parse(formula, mode="eval")
    pairs = []
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            text = ast.unparse(node.right)
            magnitude = ast.fix_missing_locations(ast.Expression(_Magnitude().visit(ast.parse(text, mode="eval").body)))
            pairs.append((compile(text, "<denominator>", "eval"), compile(magnitude, "<magnitude>", "eval")))
    return tuple(pairs)
