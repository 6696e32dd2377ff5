"""A grid as MLflow shows it: its parent run, views and charts."""
