"""What the mosaic is made of: captures of which every band is placed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from uav_workflow.domain.reconstruction import Reconstruction
from uav_workflow.engine.surface.views import Float64, View, views_of
from uav_workflow.errors import EngineError


@dataclass(frozen=True, slots=True, kw_only=True)
class BandLayer:
    """The photos of one band.

    Attributes
    ----------
    name : str
        Band name, written as description; a layer of three-channel photos becomes red, green, blue.
    images : mapping
        Image file name (as in the reconstruction) to path.
    captures : mapping
        Image file name to the name of its capture; a file not named here is its own capture. Bands of one capture
        carry the same name: they share every choice of view.
    centre_nm : float or None
        Band centre.
    """

    name: str
    images: Mapping[str, Path]
    captures: Mapping[str, str] = field(default_factory=dict)
    centre_nm: float | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A capture that can give pixels: its views and files, band by band; the first speaks for it."""

    name: str
    views: tuple[View, ...]
    paths: tuple[Path, ...]

    @property
    def packed(self) -> Float64:
        """(bands, 23): `View.packed` of every band."""
        return np.stack([view.packed for view in self.views])


def sources_of(reconstruction: Reconstruction, bands: Sequence[BandLayer]) -> list[Source]:
    """Captures of which every band is placed, sorted by name.

    Raises
    ------
    EngineError
        There is none.
    """
    members: dict[str, list[tuple[View, Path]]] = {}
    for k, layer in enumerate(bands):
        for view in views_of(reconstruction, layer.images):
            name = layer.captures.get(view.image, view.image)
            if k == 0 or len(members.get(name, ())) == k:
                members.setdefault(name, []).append((view, layer.images[view.image]))
    found = [
        Source(name, tuple(view for view, _ in rows), tuple(path for _, path in rows))
        for name, rows in sorted(members.items())
        if len(rows) == len(bands)
    ]
    if not found:
        raise EngineError(f"no capture has all of the bands {', '.join(layer.name for layer in bands)} placed")
    return found
