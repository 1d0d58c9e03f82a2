-- What every worker must hear of within a second: changed identities and new policy versions.

-- Runs as the owner, for those who change identities need not be able to write the version.
CREATE FUNCTION headgate_identity_changed() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE identity_version SET version = version + 1;
    PERFORM pg_notify('headgate_identity', '');
    RETURN NULL;
END $$;

CREATE TRIGGER identity_changed AFTER INSERT OR UPDATE OR DELETE ON teams
    FOR EACH STATEMENT EXECUTE FUNCTION headgate_identity_changed();
CREATE TRIGGER identity_changed AFTER INSERT OR UPDATE OR DELETE ON projects
    FOR EACH STATEMENT EXECUTE FUNCTION headgate_identity_changed();
CREATE TRIGGER identity_changed AFTER INSERT OR UPDATE OR DELETE ON virtual_keys
    FOR EACH STATEMENT EXECUTE FUNCTION headgate_identity_changed();
-- Users come with their first call; no worker can have cached anything about a new one.
CREATE TRIGGER identity_changed AFTER UPDATE OR DELETE ON users
    FOR EACH STATEMENT EXECUTE FUNCTION headgate_identity_changed();

CREATE FUNCTION headgate_policy_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('headgate_policy', '');
    RETURN NULL;
END $$;

CREATE TRIGGER policy_changed AFTER INSERT ON policy_versions
    FOR EACH STATEMENT EXECUTE FUNCTION headgate_policy_changed();
