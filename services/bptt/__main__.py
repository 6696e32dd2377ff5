"""`python -m bptt` is the same program as `bptt`."""

from bptt.cli import main

if __name__ == "__main__":
    main()
