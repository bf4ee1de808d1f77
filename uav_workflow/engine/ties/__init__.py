"""From photos to a free block: features, matches, mapping (in groups, where there are many), fine tie points."""
