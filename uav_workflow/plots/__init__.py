"""Rasters on plots, matched with what was measured there."""
