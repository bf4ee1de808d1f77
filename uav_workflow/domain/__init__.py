"""Domain types: the vocabulary every other room speaks. Nothing here does IO."""
