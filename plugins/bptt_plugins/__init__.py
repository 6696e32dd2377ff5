"""The built-in cells, clippers and tasks; declared as entry points like any others."""
