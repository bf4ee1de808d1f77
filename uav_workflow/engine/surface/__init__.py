"""Heights: placed photos to a surface model, and the ground under the plants."""
