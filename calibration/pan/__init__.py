"""Calibrated captures sharpened with a panchromatic band."""
