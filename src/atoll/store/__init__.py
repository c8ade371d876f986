"""The only SQL in the project: one Store port, on SQLite and on PostgreSQL.

`tables.py` is the schema, `sql.py` turns SQLAlchemy Core statements into text once, `rows.py` is
what every noun has, the files named after nouns hold the queries that only that noun has;
`sqlite.py` and `postgres.py` run the text on the bare driver.
"""
