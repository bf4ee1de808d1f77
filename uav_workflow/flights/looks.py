"""How pictures look: sharpness and exposure of a sample, decoded small."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.flight import BandImage, Capture
from uav_workflow.findings import Finding, warning
from uav_workflow.flights.progress import Progress, silent
from uav_workflow.flights.remember import Memory
from uav_workflow.flights.spread import spread
from uav_workflow.flights.wording import listed

SAMPLE = 24
"""Captures looked at, spread evenly over the flight."""
_TILE = 768
_BLURRED = 0.50
_WORSE_THAN_FLIGHT = 0.15
_OVER_SHARE = 0.05
_UNDER_SHARE = 0.5
"""On the real flights at hand blur lies at 0.15 - 0.41; 9 px of motion add 0.19, 15 px lead to 0.5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a decoded picture shows.

    Attributes
    ----------
    blur : float
        0 sharp - 1 blurred in the worse of the two directions (Crete et al. 2007); NaN on a flat picture.
    over, under : float
        Share of pixels at the top of the range, and of pixels so dark that nothing can be told.
    """

    blur: float
    over: float
    under: float


def look_at(image: BandImage) -> Look | None:
    """Decode one image (JPGs at half size by their own transform, TIFFs whole); None when it can't be decoded."""
    try:
        grey, top = _grey(image)
    except (OSError, ValueError, SyntaxError, KeyError):
        return None
    thin = grey[::4, ::4]
    dark = 0.06 * top if image.bits <= 8 else _black(image) + 0.012 * top
    return Look(
        blur=blur_effect(_middle(grey)),
        over=float(np.mean(thin >= 0.985 * top)),
        under=float(np.mean(thin <= dark)),
    )


def blur_effect(picture: NDArray[np.float32]) -> float:
    """No-reference blur metric: how little a picture changes when it is blurred once more.

    Crete, Dolmiere, Ladret, Nicolas (2007), "The blur effect", SPIE 6492: 9-pixel mean filter a direction, the loss of
    absolute differences to the neighbour relative to those there were; the worse direction counts, so motion shows.

    Parameters
    ----------
    picture : (rows, columns) float32

    Returns
    -------
    float
        0 - 1; NaN where the picture has no contrast.
    """
    worst = float("nan")
    for axis in (0, 1):
        before = np.abs(np.diff(picture, axis=axis))
        after = np.abs(np.diff(_mean9(picture, axis), axis=axis))
        total = float(before.sum())
        if total > 1e-3 * before.size:
            kept = 1 - float(np.maximum(0.0, before - after).sum()) / total
            worst = kept if np.isnan(worst) else max(worst, kept)
    return worst


def look_over(
    captures: Sequence[Capture], memory: Memory, progress: Progress | None = None, workers: int | None = None
) -> list[Finding]:
    """Findings about sharpness and exposure of a sample of the captures.

    ``undecodable-photo``, ``blurred-photos``, ``over-exposed``, ``under-exposed``.
    """
    step = max(1, -(-len(captures) // SAMPLE))
    images = [image for capture in captures[::step] for image in capture.images]
    looks = _remembered(images, memory, progress or silent, workers)
    sample = "" if step == 1 else f" (of {len(captures)} captures one in {step} was looked at)"
    findings = []
    broken = [image.name for image, look in looks if look is None]
    if broken:
        message = f"{len(broken)} photos have a readable header but their picture can't be decoded{sample}"
        findings.append(warning("undecodable-photo", listed(broken), message, "copy them again from the card"))
    seen = [(image, look) for image, look in looks if look is not None]
    findings += _blurred(seen, sample)
    over = [image.name for image, look in seen if look.over > _OVER_SHARE]
    if over:
        share = f"more than {_OVER_SHARE:.0%} of the pixels are white"
        message = f"{len(over)} of {len(seen)} photos are over-exposed: {share}{sample}"
        findings.append(warning("over-exposed", listed(over), message, "cover and reflectance fail there; expose less"))
    under = [image.name for image, look in seen if look.under > _UNDER_SHARE]
    if under:
        message = (
            f"{len(under)} of {len(seen)} photos are under-exposed: more than half of the pixels are black{sample}"
        )
        findings.append(warning("under-exposed", listed(under), message, "expose longer, or fly with more light"))
    return findings


def _blurred(seen: Sequence[tuple[BandImage, Look]], sample: str) -> list[Finding]:
    """Photos blurred in themselves, and clearly more than the flight's median of their band."""
    by_band: dict[str, list[float]] = {}
    for image, look in seen:
        by_band.setdefault(image.band.name, []).append(look.blur)
    typical = {name: float(np.nanmedian(values)) for name, values in by_band.items() if not np.all(np.isnan(values))}
    blurred = [
        image.name
        for image, look in seen
        if look.blur > _BLURRED or look.blur > typical.get(image.band.name, 1.0) + _WORSE_THAN_FLIGHT
    ]
    if not blurred:
        return []
    message = f"{len(blurred)} of {len(seen)} photos are blurred{sample}"
    return [
        warning(
            "blurred-photos",
            listed(blurred),
            message,
            "fly slower or expose shorter; look at them before the next flight",
        )
    ]


def _remembered(
    images: Sequence[BandImage], memory: Memory, progress: Progress, workers: int | None
) -> list[tuple[BandImage, Look | None]]:
    question = "look 1"
    answers: dict[Path, Any] = {image.path: memory.get(question, image.path) for image in images}
    fresh = [image for image in images if answers[image.path] is None]
    for image, look in zip(fresh, spread(look_at, fresh, workers, progress, "looking at photos"), strict=True):
        answers[image.path] = {} if look is None else asdict(look)
        memory.put(question, answers[image.path], image.path)
    return [(image, Look(**answers[image.path]) if answers[image.path] else None) for image in images]


def _grey(image: BandImage) -> tuple[NDArray[np.float32], float]:
    """Grey picture and the top of its range."""
    if image.path.suffix.lower() in (".tif", ".tiff"):
        return _grey_tiff(image.path, image.bits)
    from PIL import Image

    with Image.open(image.path) as picture:
        picture.draft("L", (max(1, image.width // 2), max(1, image.height // 2)))
        return np.asarray(picture.convert("L"), dtype=np.float32), 255.0


def _grey_tiff(path: Path, bits: int) -> tuple[NDArray[np.float32], float]:
    import tifffile

    array = tifffile.imread(path)
    plane = array[..., :3].mean(axis=-1) if array.ndim == 3 else array
    return plane.astype(np.float32), float(2**bits - 1)


def _black(image: BandImage) -> float:
    levels = image.tags.numbers("EXIF:BlackLevel")
    return float(np.mean(levels)) if levels else 0.0


def _middle(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = grey.shape
    top, left = max(0, (rows - _TILE) // 2), max(0, (columns - _TILE) // 2)
    return grey[top : top + _TILE, left : left + _TILE]


def _mean9(picture: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    from scipy.ndimage import uniform_filter1d

    smooth: NDArray[np.float32] = uniform_filter1d(picture, 9, axis=axis, mode="nearest")
    return smooth
