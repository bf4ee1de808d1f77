"""What goes out, in ODM's layout: height models, point cloud, reconstruction, report."""
