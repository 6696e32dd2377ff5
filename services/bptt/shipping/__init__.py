"""Sends what is in the folders of runs to MLflow, with the state of their grids."""
