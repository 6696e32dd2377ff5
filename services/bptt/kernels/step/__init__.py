"""One step of a cell: traced to a list of operations, and recognised by its fingerprint."""
