"""Pictures of the card: files, times and bands, and digital numbers to radiance."""
