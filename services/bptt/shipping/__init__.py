"""What lies in folders of runs goes to MLflow, and how grids stand with it."""
