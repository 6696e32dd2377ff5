"""Executing runs: training, journal and checkpoints of what lies in a run's folder."""
