"""Luigi tasks: thin, one file a product family."""
