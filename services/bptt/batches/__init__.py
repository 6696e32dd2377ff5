"""What a task draws and how it scores predictions, checked against what it declares."""
