"""Indices, cover, canopy height and biomass from rasters and tables."""
