"""Pictures of the same ground made to agree: ties, samples of light, gains, lean and view fitted."""
