"""Quality report of a flight."""
