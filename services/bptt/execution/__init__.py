"""A run in its folder: begun, trained, recorded, resumed; knows no queue."""
