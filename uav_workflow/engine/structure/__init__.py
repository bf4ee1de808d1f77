"""Structure from motion: captures to a reconstruction on the ground, every band of a rig in its place."""
