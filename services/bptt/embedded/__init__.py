"""The stack of one machine: a Redis of its own and one worker, kept running by `bptt up`."""
