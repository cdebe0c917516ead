-- What clients need that speak the billing API of before Brink. They show an API key with the scope `legacy`, have no key of
-- their own, sign nothing, and say nothing of a chain: the issuer keeps one for each of them.

-- What such clients of a tenant may do by themselves; a tenant without a row has the defaults.
CREATE TABLE legacy_policies (
  tenant     TEXT PRIMARY KEY NOT NULL REFERENCES tenants (id),
  auto_seat  INTEGER NOT NULL CHECK (auto_seat IN (0, 1)),
  auto_trial INTEGER NOT NULL CHECK (auto_trial IN (0, 1)),
  suspended  INTEGER NOT NULL CHECK (suspended IN (0, 1))
) STRICT, WITHOUT ROWID;

-- The device that stands for what a client calls itself, under the key that it shows; '' for one that says no name. Its code
-- had ended before it was made, so that nobody ever activates it.
CREATE TABLE legacy_devices (
  api_key TEXT NOT NULL REFERENCES admin_keys (id),
  name    TEXT NOT NULL,
  tenant  TEXT NOT NULL REFERENCES tenants (id),
  device  TEXT NOT NULL UNIQUE REFERENCES devices (id),
  made_at INTEGER NOT NULL,
  PRIMARY KEY (api_key, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX legacy_devices_by_tenant ON legacy_devices (tenant, device);

-- Bodies that were taken lately, with their answers: one that comes again is the same batch.
CREATE TABLE legacy_batches (
  api_key     TEXT NOT NULL REFERENCES admin_keys (id),
  body_sha256 BLOB NOT NULL CHECK (length(body_sha256) = 32),
  answer      TEXT NOT NULL,
  at          INTEGER NOT NULL,
  PRIMARY KEY (api_key, body_sha256)
) STRICT, WITHOUT ROWID;

CREATE INDEX legacy_batches_by_time ON legacy_batches (api_key, at);

-- Stretches of time in which a device was heard of again and again: it was online from the first heartbeat until three
-- intervals behind the last.
CREATE TABLE heartbeats (
  device           TEXT NOT NULL REFERENCES devices (id),
  from_at          INTEGER NOT NULL,
  last_at          INTEGER NOT NULL CHECK (last_at >= from_at),
  beats            INTEGER NOT NULL CHECK (beats >= 1),
  interval_seconds INTEGER NOT NULL CHECK (interval_seconds >= 1),
  tier             TEXT NOT NULL CHECK (tier IN ('basic', 'managed')),
  cameras          INTEGER NOT NULL CHECK (cameras >= 0),
  PRIMARY KEY (device, from_at)
) STRICT, WITHOUT ROWID;
