"""Drone imagery processing workflow: from a folder of photos to plot tables, maps and a satellite hand-over."""
