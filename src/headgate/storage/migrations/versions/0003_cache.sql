-- Kept answers. What was asked and answered is sealed; a row that was removed says so for a while, for other workers.

CREATE TABLE cache_entries (
    team_key integer NOT NULL REFERENCES teams ON DELETE CASCADE,
    key bytea NOT NULL CHECK (length(key) = 16),
    scope bytea NOT NULL CHECK (length(scope) = 16),
    use_case text NOT NULL,
    request_id uuid NOT NULL,                   -- the call that the answer was made for
    expires_at timestamptz NOT NULL,
    stale_until timestamptz NOT NULL,
    cost_nano bigint NOT NULL,
    asked bytea,                                -- sealed: the text that is compared; NULL once removed
    answer bytea,                               -- sealed; NULL once removed
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (team_key, key)
);
CREATE INDEX cache_entries_changed ON cache_entries (changed_at);

CREATE TABLE idempotent_answers (
    team_key integer NOT NULL REFERENCES teams ON DELETE CASCADE,
    key bytea NOT NULL CHECK (length(key) = 16),
    digest bytea NOT NULL,                      -- of the call that used the key first
    request_id uuid NOT NULL,                   -- that call
    expires_at timestamptz NOT NULL,
    answer bytea,                               -- sealed; NULL while that call is under way
    PRIMARY KEY (team_key, key)
);
CREATE INDEX idempotent_answers_expire ON idempotent_answers (expires_at);

SELECT headgate_isolate('cache_entries');
SELECT headgate_isolate('idempotent_answers');
GRANT SELECT, INSERT, UPDATE, DELETE ON cache_entries, idempotent_answers TO headgate_app, headgate_system;

CREATE FUNCTION headgate_cache_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('headgate_cache', '');
    RETURN NULL;
END $$;
CREATE TRIGGER cache_changed AFTER INSERT OR UPDATE ON cache_entries
    FOR EACH STATEMENT EXECUTE FUNCTION headgate_cache_changed();
