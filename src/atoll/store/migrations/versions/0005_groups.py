"""Group commit in PostgreSQL"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

# Takes the locks in one order, then runs each job in a savepoint. `ends` says behind which call
# each job ends, `needed` which calls must touch a row. Answers the jobs that failed.
COMMIT_GROUP = """
CREATE FUNCTION commit_group_1(locks text[], ends int[], calls text[], needed boolean[])
RETURNS TABLE (job int, write int, code text, said text)
LANGUAGE plpgsql AS $body$
DECLARE
    start int := 1;
    at int := 1;
    touched bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(key) FROM (
        SELECT DISTINCT hashtextextended(name, 0) AS key FROM unnest(locks) AS name ORDER BY 1
    ) AS keys;
    FOR number IN 1 .. cardinality(ends) LOOP
        BEGIN
            FOR place IN start .. ends[number] LOOP
                at := place;
                EXECUTE calls[place];
                IF needed[place] THEN
                    GET DIAGNOSTICS touched = ROW_COUNT;
                    IF touched = 0 THEN
                        RAISE EXCEPTION 'no row' USING ERRCODE = 'AT001';
                    END IF;
                END IF;
            END LOOP;
        EXCEPTION WHEN OTHERS THEN
            job := number - 1;
            write := at - start;
            code := SQLSTATE;
            said := SQLERRM;
            RETURN NEXT;
        END;
        start := ends[number] + 1;
    END LOOP;
END
$body$
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(sa.text(COMMIT_GROUP.replace(":=", "\\:=")))
