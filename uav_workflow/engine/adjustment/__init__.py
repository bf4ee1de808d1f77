"""Blocks of cameras and points, and their adjustment to observations, positions and ground control."""
