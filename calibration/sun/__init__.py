"""The sun, the sky, and the sensors that look up at them."""
