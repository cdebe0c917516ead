-- The issuer's first schema. Times are seconds since 1970 in UTC; digests and keys are raw bytes.
-- Ledger tables are insert-only, and triggers keep them so; `devices` carries state and projections of the ledgers.

CREATE TABLE issuer (
  id          INTEGER PRIMARY KEY CHECK (id = 1),
  name        TEXT NOT NULL,
  development INTEGER NOT NULL CHECK (development IN (0, 1)),
  created_at  INTEGER NOT NULL
) STRICT;

-- Keyset manifests as they were signed.
CREATE TABLE manifests (
  version     INTEGER PRIMARY KEY CHECK (version >= 1),
  bytes       BLOB NOT NULL,
  recorded_at INTEGER NOT NULL
) STRICT;

-- `brk_<id>_<secret>`: the secret is never stored, only its SHA-256.
CREATE TABLE admin_keys (
  id            TEXT PRIMARY KEY,
  secret_sha256 BLOB NOT NULL UNIQUE CHECK (length(secret_sha256) = 32),
  scopes        TEXT NOT NULL,
  created_at    INTEGER NOT NULL,
  revoked_at    INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE tenants (
  id         TEXT PRIMARY KEY,
  name       TEXT NOT NULL,
  timezone   TEXT NOT NULL,
  currency   TEXT NOT NULL CHECK (length(currency) = 3),
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Every setting of a subscription is a new version; the highest one is in force.
CREATE TABLE subscriptions (
  tenant           TEXT NOT NULL REFERENCES tenants (id),
  version          INTEGER NOT NULL CHECK (version >= 1),
  cameras          INTEGER NOT NULL CHECK (cameras BETWEEN 0 AND 1000000),
  trial_started_at INTEGER,
  trial_ends_at    INTEGER,
  enforce          TEXT NOT NULL CHECK (enforce IN ('observe', 'warn', 'degrade', 'deny')),
  days             INTEGER NOT NULL CHECK (days BETWEEN 1 AND 400),
  grace_days       INTEGER NOT NULL CHECK (grace_days BETWEEN 0 AND 30),
  offline_max_days INTEGER NOT NULL CHECK (offline_max_days BETWEEN 1 AND 180),
  catalog_version  INTEGER NOT NULL,
  set_at           INTEGER NOT NULL,
  PRIMARY KEY (tenant, version),
  CHECK ((trial_started_at IS NULL) = (trial_ends_at IS NULL))
) STRICT, WITHOUT ROWID;

-- Prices are the exact decimal of the contract, as text.
CREATE TABLE subscription_packs (
  tenant  TEXT NOT NULL,
  version INTEGER NOT NULL,
  pack    TEXT NOT NULL,
  price   TEXT,
  PRIMARY KEY (tenant, version, pack),
  FOREIGN KEY (tenant, version) REFERENCES subscriptions (tenant, version)
) STRICT, WITHOUT ROWID;

CREATE VIEW subscriptions_current AS
  SELECT s.* FROM subscriptions s
  WHERE s.version = (SELECT max(n.version) FROM subscriptions n WHERE n.tenant = s.tenant);

-- A code is 128 random bits, so its digest alone tells nothing about it.
CREATE TABLE activation_codes (
  code_sha256 BLOB PRIMARY KEY CHECK (length(code_sha256) = 32),
  tenant      TEXT NOT NULL REFERENCES tenants (id),
  tier        TEXT NOT NULL CHECK (tier IN ('basic', 'managed')),
  uses        INTEGER NOT NULL CHECK (uses BETWEEN 1 AND 10000),
  expires_at  INTEGER NOT NULL,
  created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A device exists from the moment its code is made, so that cameras can be assigned before it is activated.
-- `cameras_named`, `seats_held*` and `quota_*_held` are projections of `cameras` and `licences`.
CREATE TABLE devices (
  id                TEXT PRIMARY KEY,
  tenant            TEXT NOT NULL REFERENCES tenants (id),
  tier              TEXT NOT NULL CHECK (tier IN ('basic', 'managed')),
  licence_id        TEXT NOT NULL UNIQUE,
  code_sha256       BLOB NOT NULL REFERENCES activation_codes (code_sha256),
  code_ordinal      INTEGER NOT NULL,
  code_expires_at   INTEGER NOT NULL,
  status            TEXT NOT NULL CHECK (status IN ('pending', 'active', 'suspended')),
  created_at        INTEGER NOT NULL,
  activated_at      INTEGER,
  public_key        BLOB CHECK (length(public_key) = 32),
  jkt               TEXT UNIQUE,
  epoch             INTEGER NOT NULL DEFAULT 0,
  licence_seq       INTEGER NOT NULL DEFAULT 0,
  reported_seq      INTEGER NOT NULL DEFAULT 0,
  reported_keyset   INTEGER NOT NULL DEFAULT 0,
  receipt_seq       INTEGER NOT NULL DEFAULT 0,
  ctr               INTEGER NOT NULL DEFAULT 0,
  ratchet_current   BLOB CHECK (length(ratchet_current) = 32),
  ratchet_previous  BLOB CHECK (length(ratchet_previous) = 32),
  exchanged_at      INTEGER,
  cameras_named     INTEGER NOT NULL DEFAULT 0 CHECK (cameras_named >= 0),
  seats_held        INTEGER NOT NULL DEFAULT 0,
  quota_ppm_held    INTEGER NOT NULL DEFAULT 0,
  held_until        INTEGER NOT NULL DEFAULT 0,
  UNIQUE (code_sha256, code_ordinal),
  CHECK ((status = 'pending') = (public_key IS NULL)),
  CHECK ((public_key IS NULL) = (jkt IS NULL))
) STRICT, WITHOUT ROWID;

-- One scan of this index answers what the other devices of a tenant hold.
CREATE INDEX devices_by_tenant ON devices
  (tenant, id, status, code_expires_at, cameras_named, seats_held, quota_ppm_held, held_until);

CREATE TABLE code_redemptions (
  code_sha256 BLOB NOT NULL REFERENCES activation_codes (code_sha256),
  jkt         TEXT NOT NULL,
  device      TEXT NOT NULL UNIQUE REFERENCES devices (id),
  redeemed_at INTEGER NOT NULL,
  PRIMARY KEY (code_sha256, jkt)
) STRICT, WITHOUT ROWID;

-- The last answer of each kind, byte for byte: a request that is repeated is answered again with the same bytes.
CREATE TABLE answers (
  device      TEXT NOT NULL REFERENCES devices (id),
  kind        TEXT NOT NULL CHECK (kind IN ('activate', 'exchange')),
  ctr         INTEGER NOT NULL,
  body_sha256 BLOB NOT NULL CHECK (length(body_sha256) = 32),
  bytes       BLOB NOT NULL,
  PRIMARY KEY (device, kind)
) STRICT;

-- Which camera sits on which device, with the packs of its own (a JSON list, sorted; base or trial is implied).
CREATE TABLE cameras (
  tenant      TEXT NOT NULL REFERENCES tenants (id),
  camera      TEXT NOT NULL,
  device      TEXT NOT NULL REFERENCES devices (id),
  packs       TEXT NOT NULL,
  assigned_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, camera)
) STRICT, WITHOUT ROWID;

CREATE INDEX cameras_by_device ON cameras (device, assigned_at, camera);

-- Every token ever minted, whole, recorded before it left.
CREATE TABLE licences (
  device         TEXT NOT NULL REFERENCES devices (id),
  epoch          INTEGER NOT NULL,
  seq            INTEGER NOT NULL CHECK (seq >= 1),
  tenant         TEXT NOT NULL REFERENCES tenants (id),
  jti            TEXT NOT NULL UNIQUE,
  kid            TEXT NOT NULL,
  iat            INTEGER NOT NULL,
  nbf            INTEGER NOT NULL,
  exp            INTEGER NOT NULL,
  grace_seconds  INTEGER NOT NULL,
  named_seats    INTEGER NOT NULL,
  any_seats      INTEGER NOT NULL,
  quota_ppm      INTEGER NOT NULL,
  content_sha256 BLOB NOT NULL CHECK (length(content_sha256) = 32),
  token          TEXT NOT NULL,
  PRIMARY KEY (device, epoch, seq)
) STRICT;

CREATE TABLE audit (
  id      INTEGER PRIMARY KEY,
  at      INTEGER NOT NULL,
  actor   TEXT NOT NULL,
  action  TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail  TEXT NOT NULL
) STRICT;

CREATE INDEX audit_by_subject ON audit (subject, id);

-- The ledger rule: what was recorded is neither changed nor removed.
CREATE TRIGGER manifests_kept_1 BEFORE UPDATE ON manifests BEGIN SELECT RAISE(ABORT, 'manifests is insert-only'); END;
CREATE TRIGGER manifests_kept_2 BEFORE DELETE ON manifests BEGIN SELECT RAISE(ABORT, 'manifests is insert-only'); END;
CREATE TRIGGER subscriptions_kept_1 BEFORE UPDATE ON subscriptions BEGIN SELECT RAISE(ABORT, 'subscriptions is insert-only'); END;
CREATE TRIGGER subscriptions_kept_2 BEFORE DELETE ON subscriptions BEGIN SELECT RAISE(ABORT, 'subscriptions is insert-only'); END;
CREATE TRIGGER subscription_packs_kept_1 BEFORE UPDATE ON subscription_packs BEGIN SELECT RAISE(ABORT, 'subscription_packs is insert-only'); END;
CREATE TRIGGER subscription_packs_kept_2 BEFORE DELETE ON subscription_packs BEGIN SELECT RAISE(ABORT, 'subscription_packs is insert-only'); END;
CREATE TRIGGER activation_codes_kept_1 BEFORE UPDATE ON activation_codes BEGIN SELECT RAISE(ABORT, 'activation_codes is insert-only'); END;
CREATE TRIGGER activation_codes_kept_2 BEFORE DELETE ON activation_codes BEGIN SELECT RAISE(ABORT, 'activation_codes is insert-only'); END;
CREATE TRIGGER code_redemptions_kept_1 BEFORE UPDATE ON code_redemptions BEGIN SELECT RAISE(ABORT, 'code_redemptions is insert-only'); END;
CREATE TRIGGER code_redemptions_kept_2 BEFORE DELETE ON code_redemptions BEGIN SELECT RAISE(ABORT, 'code_redemptions is insert-only'); END;
CREATE TRIGGER licences_kept_1 BEFORE UPDATE ON licences BEGIN SELECT RAISE(ABORT, 'licences is insert-only'); END;
CREATE TRIGGER licences_kept_2 BEFORE DELETE ON licences BEGIN SELECT RAISE(ABORT, 'licences is insert-only'); END;
CREATE TRIGGER audit_kept_1 BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is insert-only'); END;
CREATE TRIGGER audit_kept_2 BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is insert-only'); END;
