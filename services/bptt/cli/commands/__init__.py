"""One file per command, named after it; without logic, and without heavy imports at the top."""
