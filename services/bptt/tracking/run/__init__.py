"""One run as MLflow shows it: rows, description, pictures, and what was sent."""
