"""Cells of other libraries behind one adapter; none is imported before a cell is constructed."""
