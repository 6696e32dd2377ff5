"""The built-in clippers, one per file."""
