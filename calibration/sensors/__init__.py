"""What is known of a camera before its pictures are opened: one YAML file a camera, and how it is read."""
