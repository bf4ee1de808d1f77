"""Radiometric calibration of captures: digital numbers to reflectance."""
