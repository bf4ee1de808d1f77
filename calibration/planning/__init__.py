"""What will be done with a flight: choices, evidence, and the light of every band."""
