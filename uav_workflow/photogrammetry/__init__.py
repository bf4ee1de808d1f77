"""Talking to any NodeODM, and reading what comes back into our products."""
