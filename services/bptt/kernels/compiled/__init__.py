"""The compiled backend: C for a cell's step, built, called and cached."""
