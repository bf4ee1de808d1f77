"""What comes in: the project folder, its photos, and what is known of cameras and places beforehand."""
