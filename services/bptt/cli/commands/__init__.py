"""One file a command, each named after it; without logic and heavy imports at the top."""
