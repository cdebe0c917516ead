-- What clients need that speak the billing API of before Brink. They show an API key with the scope `legacy`, have no key of
-- their own, sign nothing, and say nothing of a chain: the issuer keeps one for each of them.

-- What such clients of a tenant may do by themselves; a tenant without a row has the defaults.
CREATE TABLE legacy_policies (
  tenant     text COLLATE "C" PRIMARY KEY REFERENCES tenants (id),
  auto_seat  boolean NOT NULL,
  auto_trial boolean NOT NULL,
  suspended  boolean NOT NULL
);

-- The device that stands for what a client calls itself, under the key that it shows; '' for one that says no name. Its code
-- had ended before it was made, so that nobody ever activates it.
CREATE TABLE legacy_devices (
  api_key text COLLATE "C" NOT NULL REFERENCES admin_keys (id),
  name    text COLLATE "C" NOT NULL,
  tenant  text COLLATE "C" NOT NULL REFERENCES tenants (id),
  device  text COLLATE "C" NOT NULL UNIQUE REFERENCES devices (id),
  made_at bigint NOT NULL,
  PRIMARY KEY (api_key, name)
);

CREATE INDEX legacy_devices_by_tenant ON legacy_devices (tenant, device);

-- Bodies that were taken lately, with their answers: one that comes again is the same batch.
CREATE TABLE legacy_batches (
  api_key     text COLLATE "C" NOT NULL REFERENCES admin_keys (id),
  body_sha256 bytea NOT NULL CHECK (length(body_sha256) = 32),
  answer      text NOT NULL,
  at          bigint NOT NULL,
  PRIMARY KEY (api_key, body_sha256)
);

CREATE INDEX legacy_batches_by_time ON legacy_batches (api_key, at);

-- Stretches of time in which a device was heard of again and again: it was online from the first heartbeat until three
-- intervals behind the last.
CREATE TABLE heartbeats (
  device           text COLLATE "C" NOT NULL REFERENCES devices (id),
  from_at          bigint NOT NULL,
  last_at          bigint NOT NULL CHECK (last_at >= from_at),
  beats            bigint NOT NULL CHECK (beats >= 1),
  interval_seconds bigint NOT NULL CHECK (interval_seconds >= 1),
  tier             text NOT NULL CHECK (tier IN ('basic', 'managed')),
  cameras          bigint NOT NULL CHECK (cameras >= 0),
  PRIMARY KEY (device, from_at)
);
