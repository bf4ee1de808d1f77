"""Calibration panels: found in pictures, measured, and held against what is known of them."""
