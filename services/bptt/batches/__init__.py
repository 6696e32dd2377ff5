"""What a task draws and what it makes of predictions, checked against what it declares."""
