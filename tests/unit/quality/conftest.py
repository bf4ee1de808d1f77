"""Flights, plots and maps written for a test, as those of the plots have them."""

from tests.unit.plots.conftest import flown, observed, square, write_raster

__all__ = ["flown", "observed", "square", "write_raster"]
