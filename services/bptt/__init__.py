"""bptt: measure why gradients vanish or explode through time, and what fixes it."""

__version__ = "0.1.0"
