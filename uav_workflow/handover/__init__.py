"""What the satellites' side receives: grids, COGs, sample table, STAC catalog."""
