"""Which picture of a capture is panchromatic, and which are colours."""

from __future__ import annotations

from uav_workflow.domain.flight import BandImage, Capture

_WIDEST_NM, _THERMAL_NM = 150.0, 3000.0


def is_panchromatic(image: BandImage) -> bool:
    """Whether a band is so wide that it is no colour, and still light of the sun."""
    band = image.band
    return (band.fwhm_nm or 0.0) > _WIDEST_NM and (band.centre_nm or _THERMAL_NM) < _THERMAL_NM


def pan_of(capture: Capture) -> BandImage | None:
    """The panchromatic picture of a capture, if there is one."""
    return next((image for image in capture.images if is_panchromatic(image)), None)


def colours_of(capture: Capture) -> tuple[BandImage, ...]:
    """Pictures of single colours: neither panchromatic, nor thermal, nor a picture for people."""
    return tuple(
        image
        for image in capture.images
        if image.band.name != "RGB" and not is_panchromatic(image) and (image.band.centre_nm or 0.0) < _THERMAL_NM
    )
