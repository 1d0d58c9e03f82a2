-- Teams and what belongs to them. Every row of a team carries its integer key; row-level security stands on it.

CREATE TABLE teams (
    team_key integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE CHECK (id ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    owner text NOT NULL DEFAULT '',
    budgets jsonb NOT NULL DEFAULT '[]',       -- [{"nano": 500000000000, "period": "month"}]
    limits jsonb NOT NULL DEFAULT '{}',        -- {"requests_per_minute": 100, "tokens_per_minute": null, "parallel": 20}
    use_cases text[],                          -- NULL grants every use case
    origin text NOT NULL DEFAULT 'store',      -- 'store', or the file and line that name the team
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE projects (
    project_key integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    team_key integer NOT NULL REFERENCES teams,
    id text NOT NULL CHECK (id ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    use_case text,
    budgets jsonb NOT NULL DEFAULT '[]',
    limits jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (team_key, id),
    UNIQUE (team_key, project_key)             -- so that a key can name only a project of its own team
);

CREATE TABLE users (
    user_key integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    team_key integer NOT NULL REFERENCES teams,
    id text NOT NULL CHECK (length(id) BETWEEN 1 AND 256),
    budgets jsonb NOT NULL DEFAULT '[]',
    limits jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (team_key, id),
    UNIQUE (team_key, user_key)
);

CREATE TABLE virtual_keys (
    virtual_key integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    team_key integer REFERENCES teams,         -- NULL for keys of the platform itself
    project_key integer,
    user_key integer,
    role text NOT NULL CHECK (role IN ('platform-admin', 'team-admin', 'member', 'auditor')),
    prefix text NOT NULL,                      -- what may be shown of the key
    hash bytea NOT NULL UNIQUE,                -- SHA-256 of the key
    previous_hash bytea UNIQUE,                -- the key before the last rotation
    previous_until timestamptz,
    budgets jsonb NOT NULL DEFAULT '[]',
    limits jsonb NOT NULL DEFAULT '{}',
    expires_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (team_key IS NOT NULL OR (role IN ('platform-admin', 'auditor') AND project_key IS NULL AND user_key IS NULL)),
    FOREIGN KEY (team_key, project_key) REFERENCES projects (team_key, project_key),
    FOREIGN KEY (team_key, user_key) REFERENCES users (team_key, user_key)
);

-- One row; its number grows with every change that a worker's cache of identities must notice.
CREATE TABLE identity_version (one boolean PRIMARY KEY DEFAULT true CHECK (one), version bigint NOT NULL DEFAULT 0);
INSERT INTO identity_version DEFAULT VALUES;

CREATE TABLE policy_versions (
    version integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest text NOT NULL UNIQUE,
    document text NOT NULL,                    -- the configuration with its secret references, never secrets
    origin text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- The journal's incarnations (one directory each) and how far each is projected.
CREATE TABLE incarnations (
    incarnation uuid PRIMARY KEY,
    node text NOT NULL,
    directory text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz,
    segment bigint NOT NULL DEFAULT 0,         -- the projected position: segment number and byte offset in it
    byte_offset bigint NOT NULL DEFAULT 0,
    records bigint NOT NULL DEFAULT 0
);

CREATE TABLE requests (
    request_id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    team_key integer,                          -- NULL where a key of the platform called
    project_key integer,
    user_key integer,
    virtual_key integer,
    wire text NOT NULL,
    use_case text NOT NULL,
    pipeline text NOT NULL,
    model text NOT NULL,
    deployment text NOT NULL,
    policy_version integer NOT NULL,
    outcome text NOT NULL,
    code text NOT NULL,
    status integer NOT NULL,
    attempts integer NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cost_nano bigint NOT NULL,
    latency_us bigint NOT NULL,
    own_us bigint NOT NULL,
    salt bytea NOT NULL,
    request_digest bytea NOT NULL,
    answer_digest bytea NOT NULL,
    steps jsonb NOT NULL                       -- [[name, sentence, own_us], ...]
);
CREATE INDEX requests_by_team ON requests (team_key, at DESC);

CREATE TABLE ledger_entries (
    request_id uuid NOT NULL,
    attempt integer NOT NULL,
    at timestamptz NOT NULL,
    team_key integer NOT NULL,
    project_key integer NOT NULL,
    user_key integer,
    virtual_key integer,
    use_case text NOT NULL,
    pipeline text NOT NULL,
    purpose text NOT NULL,
    model text NOT NULL,
    deployment text NOT NULL,
    policy_version integer NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cached_tokens bigint NOT NULL,
    cache_write_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    cost_nano bigint NOT NULL,
    basis text NOT NULL,                       -- reported, estimated, reserved
    outcome text NOT NULL,
    code text NOT NULL,
    PRIMARY KEY (request_id, attempt)
);
CREATE INDEX ledger_entries_by_team ON ledger_entries (team_key, at DESC);
CREATE INDEX ledger_entries_by_time ON ledger_entries (at DESC);

CREATE TABLE administrative_acts (
    request_id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    actor_key text NOT NULL,
    team_key integer,
    action text NOT NULL,
    resource text NOT NULL
);

CREATE TABLE unauthenticated_calls (
    minute timestamptz NOT NULL,
    source text NOT NULL,
    incarnation uuid NOT NULL,
    count bigint NOT NULL,
    last_code text NOT NULL,
    PRIMARY KEY (minute, source, incarnation)
);

-- Money. An account is one budget in one period; spent + leased never exceeds its cap.
CREATE TABLE budget_accounts (
    account bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    team_key integer NOT NULL,
    scope_kind text NOT NULL CHECK (scope_kind IN ('team', 'project', 'user', 'key')),
    scope_key integer NOT NULL,
    period text NOT NULL CHECK (period IN ('day', 'month')),
    period_start timestamptz NOT NULL,
    cap_nano bigint NOT NULL CHECK (cap_nano >= 0),
    spent_nano bigint NOT NULL DEFAULT 0,
    leased_nano bigint NOT NULL DEFAULT 0 CHECK (leased_nano >= 0),
    UNIQUE (scope_kind, scope_key, period, period_start)
);

-- What one worker's incarnation took of an account; what it still holds is granted - settled, or nothing where an
-- attempt cost more than its bound and made settled the greater.
CREATE TABLE budget_leases (
    incarnation uuid NOT NULL REFERENCES incarnations,
    account bigint NOT NULL REFERENCES budget_accounts,
    team_key integer NOT NULL,
    granted_nano bigint NOT NULL DEFAULT 0 CHECK (granted_nano >= 0),   -- all it took, less what it gave back
    settled_nano bigint NOT NULL DEFAULT 0,    -- what of that its journal has proven spent
    PRIMARY KEY (incarnation, account)
);
