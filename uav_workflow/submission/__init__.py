"""Flight folders on their way in: copy, watch, registry."""
