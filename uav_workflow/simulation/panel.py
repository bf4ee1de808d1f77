"""A reflectance panel with its QR code on the meadow, photographed from a metre above."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.reconstruction import Camera, Shot
from uav_workflow.simulation.light import DIRECT_SCALE, SKY_SCALE
from uav_workflow.simulation.photograph import undistort
from uav_workflow.simulation.scene import DIRECT, MATERIAL, SKY, TONE, Scene
from uav_workflow.simulation.sky import Light

FloatArray = NDArray[np.float64]

SERIAL = "RP06-2607001-OB"
SPECTRUM = ((400, 0.492), (900, 0.476))
"""Two points of the panel's line as its code prints them: nm, albedo."""
ALBEDO_ERROR = 0.01
"""The true albedo is off the printed one by up to this share."""
HEIGHT_M = 1.05
CODE_HALF_MM, PANEL_MM, PANEL_BELOW_MM = 41.0, 100.0, 130.84
PLATE_MM = (-70.0, 70.0, -195.0, 60.0)
"""Left, right, lower and upper edge of the dark case, from the middle of the code; x right, y up."""
STEP_MM = 0.25
PLATE_ALBEDO, PAPER_ALBEDO, INK_ALBEDO = 0.035, 0.72, 0.045


def code_text() -> str:
    """What the QR code says: serial, then nm and albedo x 1000 of both points of the line."""
    return SERIAL + "".join(f"{nm:04d}{round(rho * 1000):03d}" for nm, rho in SPECTRUM)


def printed_albedo(centre_nm: float) -> float:
    """Albedo that the code gives at a wavelength."""
    (nm0, rho0), (nm1, rho1) = SPECTRUM
    return rho0 + (rho1 - rho0) * (centre_nm - nm0) / (nm1 - nm0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelScene:
    """The panel where it lies.

    Attributes
    ----------
    place : (x, y, z)
        Middle of the code, metres from the site's centre.
    turn_deg : float
        Direction of the code's top, clockwise from grid north.
    albedo : (bands,) float64
        True albedo.
    meadow : (bands, materials) float32
        Reflectance of what lies around.
    """

    place: FloatArray
    turn_deg: float
    albedo: FloatArray
    meadow: NDArray[np.float32]


def panel_radiance(
    scene: Scene, panel: PanelScene, camera: Camera, shot: Shot, *, band: int, light: Light
) -> NDArray[np.float32]:
    """Radiance, W m-2 sr-1 nm-1, of a photo of the panel: case, code, grey square, meadow around, all in the sun."""
    x_mm, y_mm, x, y = _plane_places(panel, camera, shot)
    card = _card(float(panel.albedo[band]))
    left, _, _, upper = PLATE_MM
    column, row = (x_mm - left) / STEP_MM - 0.5, (upper - y_mm) / STEP_MM - 0.5
    on_card = cv2.remap(card, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=-1.0)
    around = _meadow(scene, panel.meadow[band], x, y, float(light.direct_share[band]))
    apparent = np.where(on_card >= 0, on_card, around)
    return np.asarray(apparent * np.float32(light.level[band] / math.pi), np.float32)


def _plane_places(panel: PanelScene, camera: Camera, shot: Shot) -> tuple[NDArray[np.float32], ...]:
    """Places of all pixels in the panel's plane: millimetres on the card (x right, y up), metres in the scene."""
    step = 8
    v, u = np.meshgrid(np.arange(0, camera.height + step, step), np.arange(0, camera.width + step, step), indexing="ij")
    tangents = undistort(camera, np.column_stack([u.ravel(), v.ravel()]).astype(float))
    rays = np.column_stack([tangents, np.ones(len(tangents))]) @ shot.rotation
    distance = (panel.place[2] - shot.centre[2]) / rays[:, 2]
    points = shot.centre + distance[:, None] * rays
    offset = points[:, :2] - panel.place[:2]
    angle = math.radians(panel.turn_deg)
    right, up = np.array([math.cos(angle), -math.sin(angle)]), np.array([math.sin(angle), math.cos(angle)])
    coarse = [1000 * offset @ right, 1000 * offset @ up, points[:, 0], points[:, 1]]
    map_x, map_y = np.meshgrid(
        ((np.arange(camera.width) + 0.5) / step).astype(np.float32),
        ((np.arange(camera.height) + 0.5) / step).astype(np.float32),
    )
    return tuple(
        np.asarray(cv2.remap(layer.reshape(u.shape).astype(np.float32), map_x, map_y, cv2.INTER_LINEAR), np.float32)
        for layer in coarse
    )


def _card(albedo: float) -> NDArray[np.float32]:
    """The case with code and grey square, `STEP_MM` a pixel."""
    left, right, lower, upper = PLATE_MM
    card = np.full((round((upper - lower) / STEP_MM), round((right - left) / STEP_MM)), PLATE_ALBEDO, np.float32)

    def square(x: float, y: float, half: float) -> tuple[slice, slice]:
        rows = slice(round((upper - y - half) / STEP_MM), round((upper - y + half) / STEP_MM))
        return rows, slice(round((x - half - left) / STEP_MM), round((x + half - left) / STEP_MM))

    card[square(0.0, 0.0, CODE_HALF_MM + 12.0)] = PAPER_ALBEDO
    modules = cv2.QRCodeEncoder.create().encode(code_text())
    dark = np.argwhere(modules < 128)
    # the encoder puts a white margin around; the geometry speaks of the dark square itself
    modules = modules[dark[:, 0].min() : dark[:, 0].max() + 1, dark[:, 1].min() : dark[:, 1].max() + 1]
    side = round(2 * CODE_HALF_MM / STEP_MM)
    code = cv2.resize(modules, (side, side), interpolation=cv2.INTER_NEAREST)
    card[square(0.0, 0.0, CODE_HALF_MM)] = np.where(code < 128, INK_ALBEDO, PAPER_ALBEDO)
    card[square(0.0, -PANEL_BELOW_MM, PANEL_MM / 2)] = albedo
    return np.asarray(cv2.GaussianBlur(card, (0, 0), 1.4), np.float32)


def _meadow(
    scene: Scene, reflectance: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32], direct_share: float
) -> NDArray[np.float32]:
    """Apparent reflectance of the meadow around; texels are larger than pixels here and are drawn smoothly."""
    texel = scene.spec.texel_m
    row, col = -y / texel - scene.row0, x / texel - scene.col0
    first_r, first_c = max(int(row.min()) - 2, 0), max(int(col.min()) - 2, 0)
    looks = scene.looks[first_r : int(row.max()) + 3, first_c : int(col.max()) + 3]
    share = np.float32(direct_share)
    lit = share * looks[..., DIRECT] / np.float32(DIRECT_SCALE) + (1 - share) * looks[..., SKY] / np.float32(SKY_SCALE)
    tone = np.float32(0.5) + looks[..., TONE] / np.float32(255)
    patch = (reflectance[looks[..., MATERIAL]] * tone * lit).astype(np.float32)
    map_x, map_y = (col - first_c - 0.5).astype(np.float32), (row - first_r - 0.5).astype(np.float32)
    return np.asarray(cv2.remap(patch, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.float32)
