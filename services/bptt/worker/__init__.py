"""The worker: claims runs, supervises the processes that train them, reports how they end."""
