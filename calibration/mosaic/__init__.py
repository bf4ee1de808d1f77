"""Reflectance of a whole mosaic: ground targets, the empirical line, and how sure every pixel is."""
