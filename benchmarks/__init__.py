"""Measurements that take minutes; `make bench` runs them all and writes two pages in docs/."""
