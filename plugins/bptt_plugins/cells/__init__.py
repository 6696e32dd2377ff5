"""The built-in cells, one per file."""
