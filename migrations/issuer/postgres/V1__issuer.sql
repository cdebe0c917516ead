-- The issuer's schema on PostgreSQL. Times are seconds since 1970 in UTC; digests and keys are raw bytes. What is counted is
-- bigint everywhere. Ledger tables are insert-only, and triggers keep them so; `devices` carries state and projections of
-- the ledgers. Keys start with a tenant or a device, and no table that every exchange writes has a foreign key.

CREATE FUNCTION kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME;
END $$;

CREATE TABLE issuer (
  id          bigint PRIMARY KEY CHECK (id = 1),
  name        text NOT NULL,
  development boolean NOT NULL,
  created_at  bigint NOT NULL
);

-- Keyset manifests as they were signed.
CREATE TABLE manifests (
  version     bigint PRIMARY KEY CHECK (version >= 1),
  bytes       bytea NOT NULL,
  recorded_at bigint NOT NULL
);

-- `brk_<id>_<secret>`: the secret is never stored, only its SHA-256.
CREATE TABLE admin_keys (
  id            text PRIMARY KEY,
  secret_sha256 bytea NOT NULL UNIQUE CHECK (length(secret_sha256) = 32),
  scopes        text NOT NULL,
  created_at    bigint NOT NULL,
  revoked_at    bigint
);

-- `clones`: what happens by itself when a device seems to run twice. Evidence is kept whatever it says.
CREATE TABLE tenants (
  id         text COLLATE "C" PRIMARY KEY,
  name       text NOT NULL,
  timezone   text NOT NULL,
  currency   text NOT NULL CHECK (length(currency) = 3),
  created_at bigint NOT NULL,
  clones     text NOT NULL DEFAULT 'alert' CHECK (clones IN ('alert', 'reactivate', 'suspend'))
);

-- Every setting of a subscription is a new version; the highest one is in force.
CREATE TABLE subscriptions (
  tenant           text COLLATE "C" NOT NULL REFERENCES tenants (id),
  version          bigint NOT NULL CHECK (version >= 1),
  cameras          bigint NOT NULL CHECK (cameras BETWEEN 0 AND 1000000),
  trial_started_at bigint,
  trial_ends_at    bigint,
  enforce          text NOT NULL CHECK (enforce IN ('observe', 'warn', 'degrade', 'deny')),
  days             bigint NOT NULL CHECK (days BETWEEN 1 AND 400),
  grace_days       bigint NOT NULL CHECK (grace_days BETWEEN 0 AND 30),
  offline_max_days bigint NOT NULL CHECK (offline_max_days BETWEEN 1 AND 180),
  catalog_version  bigint NOT NULL,
  set_at           bigint NOT NULL,
  PRIMARY KEY (tenant, version),
  CHECK ((trial_started_at IS NULL) = (trial_ends_at IS NULL))
);

-- Prices are the exact decimal of the contract, as text.
CREATE TABLE subscription_packs (
  tenant  text COLLATE "C" NOT NULL,
  version bigint NOT NULL,
  pack    text COLLATE "C" NOT NULL,
  price   text,
  PRIMARY KEY (tenant, version, pack),
  FOREIGN KEY (tenant, version) REFERENCES subscriptions (tenant, version)
);

-- A code is 128 random bits, so its digest alone tells nothing about it.
CREATE TABLE activation_codes (
  code_sha256 bytea PRIMARY KEY CHECK (length(code_sha256) = 32),
  tenant      text COLLATE "C" NOT NULL REFERENCES tenants (id),
  tier        text NOT NULL CHECK (tier IN ('basic', 'managed')),
  uses        bigint NOT NULL CHECK (uses BETWEEN 1 AND 10000),
  expires_at  bigint NOT NULL,
  created_at  bigint NOT NULL
);

-- A device exists from the moment its code is made, so that cameras can be assigned before it is activated.
-- `cameras_named`, `seats_held*` and `quota_*_held` are projections of `cameras` and `licences`.
-- What was minted for a retired device may run until `held_until` and holds its seats until then, unless somebody accepted
-- that these overlap with those of its successor (`overlap_from`). What was given up to `revoked_seq` in `revoked_epoch`
-- stays withdrawn when the device is resumed. `reactivate_from`: since when every copy is refused until one of them was
-- activated anew. `restored_by`: the receipt that showed this database to be older than its device, until the device has
-- got an answer to it. `quota_month*`: the largest part of the quotas that it could use in its customer's month.
CREATE TABLE devices (
  id                text COLLATE "C" PRIMARY KEY,
  tenant            text COLLATE "C" NOT NULL REFERENCES tenants (id),
  tier              text NOT NULL CHECK (tier IN ('basic', 'managed')),
  licence_id        text COLLATE "C" NOT NULL UNIQUE,
  code_sha256       bytea NOT NULL REFERENCES activation_codes (code_sha256),
  code_ordinal      bigint NOT NULL,
  code_expires_at   bigint NOT NULL,
  status            text NOT NULL CHECK (status IN ('pending', 'active', 'suspended')),
  created_at        bigint NOT NULL,
  activated_at      bigint,
  public_key        bytea CHECK (length(public_key) = 32),
  jkt               text COLLATE "C" UNIQUE,
  epoch             bigint NOT NULL DEFAULT 0,
  licence_seq       bigint NOT NULL DEFAULT 0,
  reported_seq      bigint NOT NULL DEFAULT 0,
  reported_keyset   bigint NOT NULL DEFAULT 0,
  receipt_seq       bigint NOT NULL DEFAULT 0,
  ctr               bigint NOT NULL DEFAULT 0,
  ratchet_current   bytea CHECK (length(ratchet_current) = 32),
  ratchet_previous  bytea CHECK (length(ratchet_previous) = 32),
  exchanged_at      bigint,
  cameras_named     bigint NOT NULL DEFAULT 0 CHECK (cameras_named >= 0),
  seats_held        bigint NOT NULL DEFAULT 0,
  quota_ppm_held    bigint NOT NULL DEFAULT 0,
  held_until        bigint NOT NULL DEFAULT 0,
  restored_by       bigint,
  retired_at        bigint,
  replaced_by       text COLLATE "C" REFERENCES devices (id),
  overlap_from      bigint,
  revoked_at        bigint,
  revoked_epoch     bigint,
  revoked_seq       bigint,
  reactivate_from   bigint,
  quota_month       bigint NOT NULL DEFAULT 0,
  quota_month_ppm   bigint NOT NULL DEFAULT 0,
  -- As its agent said, as far as it can be shown to people.
  agent_version     text,
  UNIQUE (code_sha256, code_ordinal),
  CHECK ((status = 'pending') = (public_key IS NULL)),
  CHECK ((public_key IS NULL) = (jkt IS NULL))
-- Every exchange writes the row: room for its next version keeps the indexes out of it.
) WITH (fillfactor = 70);

CREATE INDEX devices_by_tenant ON devices (tenant, id);

CREATE TABLE code_redemptions (
  code_sha256 bytea NOT NULL REFERENCES activation_codes (code_sha256),
  jkt         text COLLATE "C" NOT NULL,
  device      text COLLATE "C" NOT NULL UNIQUE REFERENCES devices (id),
  redeemed_at bigint NOT NULL,
  PRIMARY KEY (code_sha256, jkt)
);

CREATE INDEX code_redemptions_by_key ON code_redemptions (jkt);

-- The last answer of each kind, byte for byte: a request that is repeated is answered again with the same bytes. With it,
-- which request it was for and what that said of its sender: the other half of the evidence when a copy asks.
CREATE TABLE answers (
  device      text COLLATE "C" NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('activate', 'exchange')),
  ctr         bigint NOT NULL,
  body_sha256 bytea NOT NULL CHECK (length(body_sha256) = 32),
  bytes       bytea NOT NULL,
  nonce       bytea CHECK (length(nonce) = 32),
  at          bigint,
  boot_id     text,
  proof       text,
  PRIMARY KEY (device, kind)
) WITH (fillfactor = 70);

-- The newest requests that were answered in the epoch that runs. One of them that arrives once more is a replay.
CREATE TABLE requests (
  device text COLLATE "C" NOT NULL,
  ctr    bigint NOT NULL,
  nonce  bytea NOT NULL CHECK (length(nonce) = 32),
  PRIMARY KEY (device, ctr)
);

-- What only a device vouches for is written down once, and then not again for a while: one row per device and reason.
CREATE TABLE reactions (
  device       text COLLATE "C" NOT NULL,
  reason       text NOT NULL,
  at           bigint NOT NULL,
  proof_sha256 bytea NOT NULL CHECK (length(proof_sha256) = 32),
  PRIMARY KEY (device, reason)
);

-- Which camera sits on which device, with the packs of its own (a JSON list, sorted; base or trial is implied).
CREATE TABLE cameras (
  tenant      text COLLATE "C" NOT NULL REFERENCES tenants (id),
  camera      text COLLATE "C" NOT NULL,
  device      text COLLATE "C" NOT NULL REFERENCES devices (id),
  packs       text NOT NULL,
  assigned_at bigint NOT NULL,
  PRIMARY KEY (tenant, camera)
);

CREATE INDEX cameras_by_device ON cameras (device, assigned_at, camera);

-- Every token ever minted, whole, recorded before it left.
CREATE TABLE licences (
  device         text COLLATE "C" NOT NULL,
  epoch          bigint NOT NULL,
  seq            bigint NOT NULL CHECK (seq >= 1),
  tenant         text COLLATE "C" NOT NULL,
  jti            text COLLATE "C" NOT NULL UNIQUE,
  kid            text NOT NULL,
  iat            bigint NOT NULL,
  nbf            bigint NOT NULL,
  exp            bigint NOT NULL,
  grace_seconds  bigint NOT NULL,
  named_seats    bigint NOT NULL,
  any_seats      bigint NOT NULL,
  quota_ppm      bigint NOT NULL,
  content_sha256 bytea NOT NULL CHECK (length(content_sha256) = 32),
  token          text NOT NULL,
  PRIMARY KEY (device, epoch, seq)
);

CREATE INDEX licences_by_tenant ON licences (tenant, iat);

-- Signed lists of revoked licences, whole, recorded before they left. The newest of a tenant is in force.
CREATE TABLE revocation_lists (
  tenant         text COLLATE "C" NOT NULL REFERENCES tenants (id),
  version        bigint NOT NULL CHECK (version >= 1),
  kid            text NOT NULL,
  iat            bigint NOT NULL,
  until          bigint NOT NULL,
  content_sha256 bytea NOT NULL CHECK (length(content_sha256) = 32),
  token          text NOT NULL,
  PRIMARY KEY (tenant, version)
);

-- A code that activates one device anew, with another key. It counts only in the epoch that it was made in.
CREATE TABLE reactivation_codes (
  code_sha256 bytea PRIMARY KEY CHECK (length(code_sha256) = 32),
  device      text COLLATE "C" NOT NULL REFERENCES devices (id),
  epoch       bigint NOT NULL,
  overlap     boolean NOT NULL,
  expires_at  bigint NOT NULL,
  created_at  bigint NOT NULL
);

CREATE TABLE reactivations (
  code_sha256  bytea PRIMARY KEY REFERENCES reactivation_codes (code_sha256),
  jkt          text COLLATE "C" NOT NULL UNIQUE,
  device       text COLLATE "C" NOT NULL REFERENCES devices (id),
  epoch        bigint NOT NULL,
  activated_at bigint NOT NULL
);

-- Epochs that are over. What was minted in one may run on until `held_until`, with the key of then, beside what the
-- device runs now; it holds its seats until then unless somebody accepted that they run twice (`overlap_from`).
CREATE TABLE past_epochs (
  tenant          text COLLATE "C" NOT NULL REFERENCES tenants (id),
  device          text COLLATE "C" NOT NULL REFERENCES devices (id),
  epoch           bigint NOT NULL,
  jkt             text COLLATE "C" NOT NULL,
  seats_held      bigint NOT NULL,
  quota_ppm_held  bigint NOT NULL,
  held_until      bigint NOT NULL,
  ended_at        bigint NOT NULL,
  overlap_from    bigint,
  quota_month     bigint NOT NULL DEFAULT 0,
  quota_month_ppm bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, device, epoch)
);

CREATE INDEX past_epochs_by_device ON past_epochs (device, epoch);

-- What each device said last of its unnamed seats, as it was signed, and the cameras on them. A projection of that document.
CREATE TABLE seat_reports (
  device      text COLLATE "C" PRIMARY KEY,
  epoch       bigint NOT NULL,
  jti         text NOT NULL,
  reported_at bigint NOT NULL,
  token       text NOT NULL
);

CREATE TABLE device_seats (
  device text COLLATE "C" NOT NULL,
  camera text COLLATE "C" NOT NULL,
  packs  text NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  PRIMARY KEY (device, camera)
);

CREATE INDEX device_seats_by_camera ON device_seats (tenant, camera);

-- Extensions of licences, whole, recorded before they left. The newest of a device is in force.
CREATE TABLE extensions (
  device text COLLATE "C" NOT NULL REFERENCES devices (id),
  number bigint NOT NULL CHECK (number BETWEEN 1 AND 65535),
  epoch  bigint NOT NULL,
  kid    text NOT NULL,
  iat    bigint NOT NULL,
  until  bigint NOT NULL,
  token  text NOT NULL,
  PRIMARY KEY (device, number),
  CHECK (until > iat)
);

-- When each licence ends for good: after its grace, or with the last extension that was issued after it.
CREATE VIEW licence_ends AS
  SELECT l.device, l.epoch, l.seq, l.iat, l.named_seats + l.any_seats AS seats, l.quota_ppm,
         greatest(l.exp + l.grace_seconds,
                  (SELECT max(e.until) FROM extensions e
                   WHERE e.device = l.device AND e.epoch = l.epoch AND e.iat >= l.iat)) AS ends_at
  FROM licences l;

-- Answers to clock challenges, whole, recorded before they left: one for each challenge.
CREATE TABLE clock_resets (
  device text COLLATE "C" NOT NULL REFERENCES devices (id),
  nonce  bytea NOT NULL CHECK (length(nonce) = 32),
  epoch  bigint NOT NULL,
  kid    text NOT NULL,
  iat    bigint NOT NULL,
  token  text NOT NULL,
  PRIMARY KEY (device, nonce)
);

-- Every document that was ever signed for devices, whichever table it is recorded in.
CREATE VIEW issued AS
  SELECT tenant, device, 'license'::text AS kind, epoch, seq AS number, jti::text AS jti, kid, iat, exp + grace_seconds AS until,
         token
  FROM licences
  UNION ALL
  SELECT d.tenant, e.device, 'extension', e.epoch, e.number, '', e.kid, e.iat, e.until, e.token
  FROM extensions e JOIN devices d ON d.id = e.device
  UNION ALL
  SELECT d.tenant, c.device, 'clock_reset', c.epoch, 0, encode(c.nonce, 'hex'), c.kid, c.iat, NULL, c.token
  FROM clock_resets c JOIN devices d ON d.id = c.device
  UNION ALL
  SELECT tenant, '', 'revocations', 0, version, '', kid, iat, until, token FROM revocation_lists;

-- The audit as chains: one for each tenant, and one ('') for what concerns the issuer as a whole. `hash` covers the line
-- and the one before it. `audit_heads` is where each chain stands; whoever adds a line locks it, so that a chain has
-- neither gap nor fork.
CREATE TABLE audit (
  tenant  text COLLATE "C" NOT NULL,
  seq     bigint NOT NULL CHECK (seq >= 1),
  at      bigint NOT NULL,
  actor   text NOT NULL,
  action  text NOT NULL,
  subject text COLLATE "C" NOT NULL,
  detail  text NOT NULL,
  hash    bytea NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (tenant, seq)
);

CREATE INDEX audit_by_subject ON audit (subject, at);
CREATE INDEX audit_by_time ON audit (at, tenant, seq);
CREATE INDEX audit_by_tenant ON audit (tenant, at, seq);

CREATE TABLE audit_heads (
  tenant text COLLATE "C" PRIMARY KEY,
  seq    bigint NOT NULL CHECK (seq >= 0),
  hash   bytea NOT NULL CHECK (length(hash) = 32)
) WITH (fillfactor = 50);

-- Where a chain stood, signed: kept elsewhere too, it shows whether lines were taken from the end.
CREATE TABLE audit_seals (
  tenant text COLLATE "C" NOT NULL,
  seq    bigint NOT NULL CHECK (seq >= 1),
  hash   bytea NOT NULL CHECK (length(hash) = 32),
  kid    text NOT NULL,
  iat    bigint NOT NULL,
  token  text NOT NULL,
  PRIMARY KEY (tenant, seq)
);

-- The ledger rule: what was recorded is neither changed nor removed.
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON manifests EXECUTE FUNCTION kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON subscriptions EXECUTE FUNCTION kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON subscription_packs EXECUTE FUNCTION kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON activation_codes EXECUTE FUNCTION kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON code_redemptions EXECUTE FUNCTION kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON licences EXECUTE FUNCTION kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON revocation_lists EXECUTE FUNCTION kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON reactivation_codes EXECUTE FUNCTION kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON reactivations EXECUTE FUNCTION kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON extensions EXECUTE FUNCTION kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON clock_resets EXECUTE FUNCTION kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit EXECUTE FUNCTION kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_seals EXECUTE FUNCTION kept();
