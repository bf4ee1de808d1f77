"""A folder becomes a Flight: metadata, tables, checks, sensor profiles."""
