"""Talking to any NodeODM: client, expected products, verification."""
