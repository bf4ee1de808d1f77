"""Measured figures, on seeds no test and no development uses. Run: ``python -m benchmarks``."""
