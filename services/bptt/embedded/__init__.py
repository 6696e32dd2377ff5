"""The stack on one machine: its own Redis and one worker, kept running by `bptt up`."""
