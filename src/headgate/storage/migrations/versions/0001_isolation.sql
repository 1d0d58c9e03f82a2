-- Who may touch what. Headgate connects as the owner of these tables and works as one of two roles, neither of which
-- owns anything or passes by row-level security: headgate_app, within one team, and headgate_system, across teams
-- (identity look-up, projection of the journal, administration). Both belong to the whole cluster, not to a database.

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['headgate_app', 'headgate_system'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT NOBYPASSRLS', wanted);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- another database of this cluster was migrated at the same moment
        END;
        -- The connecting user may become the role, but has none of its rights before it does.
        IF NOT pg_has_role(current_user, wanted, 'SET') THEN
            EXECUTE format('GRANT %I TO CURRENT_USER WITH INHERIT FALSE, SET TRUE', wanted);
        END IF;
    END LOOP;
END $$;

-- The team whose rows this transaction may see; NULL, which equals no team, outside of one.
CREATE FUNCTION headgate_team() RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('headgate.team', true), '')::integer;

-- Puts a table that has a team_key under row-level security. Every revision that makes such a table calls it.
CREATE FUNCTION headgate_isolate(isolated regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', isolated);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', isolated);
    EXECUTE format('CREATE POLICY own_team ON %s TO headgate_app
        USING (team_key = headgate_team()) WITH CHECK (team_key = headgate_team())', isolated);
    EXECUTE format('CREATE POLICY every_team ON %s TO headgate_system USING (true) WITH CHECK (true)', isolated);
END $$;
REVOKE EXECUTE ON FUNCTION headgate_isolate FROM PUBLIC;

SELECT headgate_isolate('teams');
SELECT headgate_isolate('projects');
SELECT headgate_isolate('users');
SELECT headgate_isolate('virtual_keys');
SELECT headgate_isolate('requests');
SELECT headgate_isolate('ledger_entries');
SELECT headgate_isolate('administrative_acts');
SELECT headgate_isolate('budget_accounts');
SELECT headgate_isolate('budget_leases');

-- A team reads its own books and tends its own projects, users and keys.
GRANT SELECT ON teams, requests, ledger_entries, administrative_acts, budget_accounts, budget_leases TO headgate_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON projects, users, virtual_keys TO headgate_app;

-- The books are written once: nobody may change an entry, a request or an act.
GRANT SELECT, INSERT ON ledger_entries, requests, administrative_acts, policy_versions TO headgate_system;
GRANT SELECT, INSERT, UPDATE, DELETE ON teams, projects, users, virtual_keys, budget_accounts, budget_leases,
    incarnations, unauthenticated_calls TO headgate_system;
GRANT SELECT ON identity_version TO headgate_system;
