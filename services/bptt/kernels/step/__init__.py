"""One step of a cell: traced to a list of operations, and known again by its fingerprint."""
