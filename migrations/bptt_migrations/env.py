"""How Alembic reaches the database: over the connection that `bptt.store.schema` hands in."""

from alembic import context

from bptt.store.tables import metadata

connection = context.config.attributes["connection"]
# the caller began the transaction, and its locks hold until all revisions are done
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
context.run_migrations()
