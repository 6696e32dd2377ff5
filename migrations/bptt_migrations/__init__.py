"""Alembic revisions of the database of grids and runs, for SQLite and PostgreSQL alike.

`bptt.store.schema` applies them; a revision is `versions/NNNN_verb_noun.py`.
"""
