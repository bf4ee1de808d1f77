"""Block-wise raster work on one grid, written as COGs."""
