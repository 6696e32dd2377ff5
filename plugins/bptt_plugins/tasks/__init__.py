"""The built-in tasks, one per file."""
