"""`bptt doctor`: checks of everything that a queue needs, and repairs."""
