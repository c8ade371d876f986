"""The only SQL in the project: one Store port, on SQLite and on PostgreSQL.

`tables.py` is the schema, `sql.py` compiles SQLAlchemy Core statements to text once, `rows.py` has
the common queries of all nouns, and files named after nouns the queries of one noun; `sqlite.py`
and `postgres.py` run the text on the bare driver.
"""
