"""The SQL of governance: versions of the configuration."""

from headgate.storage.postgres.database import Database


async def record_version(database: Database, digest: str, document: str, origin: str) -> int:
    """The version number of the configuration `digest`; a new one is written down with its document and origin.

    `document` holds references to secrets, never secrets.

    Raises:
        DatabaseAway: nothing was written, or it is unknown whether it was; asking again is safe.
    """
    async with database.system() as connection:
        # Two workers may start with the same new file: the one that comes second waits, then finds the first one's row.
        for statement in (_FIND, _INSERT, _FIND):
            cursor = await connection.execute(statement, {"digest": digest, "document": document, "origin": origin})
            row = await cursor.fetchone()
            if row is not None:
                return int(row[0])
    raise AssertionError("a version that conflicts is there")


_FIND = "SELECT version FROM policy_versions WHERE digest = %(digest)s"
_INSERT = """
    INSERT INTO policy_versions (digest, document, origin) VALUES (%(digest)s, %(document)s, %(origin)s)
    ON CONFLICT (digest) DO NOTHING RETURNING version
"""
