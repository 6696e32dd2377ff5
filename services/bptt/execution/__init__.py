"""A run in its folder: started, trained, recorded, resumed; independent of the queue."""
