-- API keys of the admin API: for people, for one tenant or all, until when, by whom, and when they were used last (to a
-- minute). A key that was revoked stays, so that the audit's lines go on to name something.
ALTER TABLE admin_keys ALTER COLUMN id TYPE text COLLATE "C";
ALTER TABLE admin_keys ADD COLUMN name text NOT NULL DEFAULT '';
ALTER TABLE admin_keys ADD COLUMN tenant text COLLATE "C" REFERENCES tenants (id);
ALTER TABLE admin_keys ADD COLUMN created_by text NOT NULL DEFAULT 'cli';
ALTER TABLE admin_keys ADD COLUMN expires_at bigint;
ALTER TABLE admin_keys ADD COLUMN last_used_at bigint;

CREATE INDEX admin_keys_by_time ON admin_keys (created_at, id);

-- What was answered to a request that named itself (Idempotency-Key), for a day. Whoever has this table has neither the
-- name nor the answer: both need the secret of the API key, which is not kept.
CREATE TABLE remembered (
  api_key        text COLLATE "C" NOT NULL REFERENCES admin_keys (id),
  name_sha256    bytea NOT NULL CHECK (length(name_sha256) = 32),
  request_sha256 bytea NOT NULL CHECK (length(request_sha256) = 32),
  salt           bytea NOT NULL CHECK (length(salt) = 32),
  answer         bytea NOT NULL,
  at             bigint NOT NULL,
  PRIMARY KEY (api_key, name_sha256)
);

CREATE INDEX remembered_by_time ON remembered (at);

-- Lists are read page by page, in the order in which things were made.
CREATE INDEX devices_by_age ON devices (tenant, created_at, id);
CREATE INDEX activation_codes_by_age ON activation_codes (tenant, created_at, code_sha256);
CREATE INDEX usage_corrections_by_age ON usage_corrections (tenant, id);
