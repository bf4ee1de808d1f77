"""A flight over a known scene, with its truth."""
