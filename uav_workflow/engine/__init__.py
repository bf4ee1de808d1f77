"""Photogrammetry on a CPU: structure from motion, dense matching, terrain, orthomosaic."""
