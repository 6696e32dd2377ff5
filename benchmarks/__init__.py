"""Measurements that take minutes; `make bench` runs them all and writes docs/measurements.md."""
