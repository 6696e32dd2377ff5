"""The built-in cells, clippers and tasks; declared as entry points like anybody's."""
