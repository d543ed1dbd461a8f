"""PostgreSQL: the embedded server, connections, the schema, and what is kept in it."""
