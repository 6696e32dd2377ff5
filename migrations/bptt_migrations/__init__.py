"""Database migrations; the first arrives with the run store."""
