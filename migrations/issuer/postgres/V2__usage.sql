-- Usage on PostgreSQL. What a device has used is on record once: the cursor of its chain moves in the transaction that keeps
-- the records, and whoever moves it holds the row of its device. Quantities are whole numbers of 10^-12; corrections are
-- signed. Numbers of records and hashes are those of the device's own journal. Moments are milliseconds since 1970, quarters
-- of an hour and days are counted from 1970 in UTC. Keys start with a tenant or a device, and nothing here refers to another
-- table: every exchange writes these.

-- Up to where each chain is on record. `epoch` is the activation that began it, and picks the tenant for good.
CREATE TABLE usage_cursors (
  device        text COLLATE "C" NOT NULL,
  epoch         bigint NOT NULL,
  tenant        text COLLATE "C" NOT NULL,
  jkt           bytea NOT NULL CHECK (length(jkt) = 32),
  seq           bigint NOT NULL CHECK (seq >= 0),
  hash          bytea NOT NULL CHECK (length(hash) = 32),
  -- The moment of the last record whose own clock was believed: no later one is dated before it.
  event_ms      bigint NOT NULL,
  closed        boolean NOT NULL,
  -- Records of it are lost: what a meter without a row in usage_totals has come to is not known.
  incomplete    boolean NOT NULL,
  -- Nothing more of it is taken: it contradicted what is on record.
  forked_at     bigint,
  -- Up to where a receipt of ours had it that went with a part of this database.
  acknowledged_seq  bigint,
  acknowledged_hash bytea CHECK (length(acknowledged_hash) = 32),
  -- What the device said last of it.
  reported_seq  bigint NOT NULL,
  reported_hash bytea NOT NULL CHECK (length(reported_hash) = 32),
  recoveries    bigint NOT NULL,
  received_at   bigint NOT NULL,
  PRIMARY KEY (device, epoch)
-- Every exchange writes the row: room for its next version keeps the index out of it.
) WITH (fillfactor = 50);

CREATE INDEX usage_cursors_by_tenant ON usage_cursors (tenant, device, epoch);

-- What each meter has come to in a chain, as its next record has to continue it; a loss makes it unknown.
CREATE TABLE usage_totals (
  device text COLLATE "C" NOT NULL,
  epoch  bigint NOT NULL,
  meter  text COLLATE "C" NOT NULL,
  total  numeric(39, 0) NOT NULL CHECK (total >= 0),
  PRIMARY KEY (device, epoch, meter)
) WITH (fillfactor = 50);

-- The bytes as they were hashed and sent. `from_seq` is below `seq` where a record holds the sums of many. The day that it
-- was received picks its partition and is the last part of its key, because a partitioned table has no other unique keys: no
-- number comes twice because its cursor moves once. Days without a partition of their own go to `usage_records_rest`.
CREATE TABLE usage_records (
  -- What has a fixed width comes first, without gaps.
  epoch        bigint NOT NULL,
  seq          bigint NOT NULL CHECK (seq >= from_seq),
  from_seq     bigint NOT NULL CHECK (from_seq >= 1),
  received_at  bigint NOT NULL,
  event_ms     bigint NOT NULL,
  -- Of sums: none of their quarters is before that of this moment, and none behind that of `received_at`.
  floor_ms     bigint,
  received_day integer NOT NULL CHECK (received_day = received_at / 86400000),
  device       text COLLATE "C" NOT NULL,
  tenant       text COLLATE "C" NOT NULL,
  bytes        bytea NOT NULL,
  PRIMARY KEY (device, epoch, seq, received_day)
) PARTITION BY RANGE (received_day);

CREATE TABLE usage_records_rest PARTITION OF usage_records DEFAULT;

-- Partitions that are gone, by the days of their records: facts that the check of the books needs.
CREATE TABLE usage_dropped (
  from_day integer PRIMARY KEY,
  to_day   integer NOT NULL CHECK (to_day > from_day),
  records  bigint NOT NULL,
  at       bigint NOT NULL
);

-- Sums of a quarter of an hour: a projection of the records that are not in quarantine. No resource is ''. The key is
-- written again and again for as long as the quarter lasts.
CREATE TABLE usage_rollups (
  tenant   text COLLATE "C" NOT NULL,
  quarter  bigint NOT NULL,
  device   text COLLATE "C" NOT NULL,
  meter    text COLLATE "C" NOT NULL,
  resource text COLLATE "C" NOT NULL,
  quantity numeric(39, 0) NOT NULL CHECK (quantity >= 0),
  count    bigint NOT NULL,
  records  bigint NOT NULL,
  PRIMARY KEY (tenant, quarter, device, meter, resource)
) WITH (fillfactor = 70);

-- Why a record is in no sum, and the record itself: it can be replayed when its partition is gone. It is acknowledged all
-- the same: it never holds up its neighbours.
CREATE TABLE usage_quarantine (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  device      text COLLATE "C" NOT NULL,
  epoch       bigint NOT NULL,
  seq         bigint NOT NULL,
  from_seq    bigint NOT NULL,
  tenant      text COLLATE "C" NOT NULL,
  received_at bigint NOT NULL,
  event_ms    bigint NOT NULL,
  floor_ms    bigint,
  bytes       bytea NOT NULL,
  reason      text NOT NULL,
  detail      text NOT NULL,
  at          bigint NOT NULL,
  replayed_at bigint,
  UNIQUE (device, epoch, seq)
);

CREATE INDEX usage_quarantine_by_tenant ON usage_quarantine (tenant, id);

-- Numbers that will never come: a damaged journal went on behind them, or the database was put back and the device has
-- them no more.
CREATE TABLE usage_losses (
  device   text COLLATE "C" NOT NULL,
  epoch    bigint NOT NULL,
  from_seq bigint NOT NULL,
  to_seq   bigint NOT NULL CHECK (to_seq >= from_seq),
  tenant   text COLLATE "C" NOT NULL,
  reason   text NOT NULL CHECK (reason IN ('recovered', 'restored')),
  at       bigint NOT NULL,
  PRIMARY KEY (device, epoch, from_seq)
);

CREATE INDEX usage_losses_by_tenant ON usage_losses (tenant, device);

-- Who said what, for anybody with the public keys: the device of its batch, and the issuer of what it has. One row a batch,
-- with the number of its last record and when it came: that is where its records are looked for.
CREATE TABLE usage_evidence (
  device     text COLLATE "C" NOT NULL,
  epoch      bigint NOT NULL,
  seq        bigint NOT NULL,
  device_key bytea NOT NULL CHECK (length(device_key) = 32),
  checkpoint text NOT NULL,
  receipt    text NOT NULL,
  at         bigint NOT NULL,
  PRIMARY KEY (device, epoch, seq)
);

-- Two words of one device that cannot both be true.
CREATE TABLE usage_forks (
  id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  device text COLLATE "C" NOT NULL,
  epoch  bigint NOT NULL,
  seq    bigint NOT NULL,
  known  text,
  other  text NOT NULL,
  detail text NOT NULL,
  at     bigint NOT NULL
);

CREATE INDEX usage_forks_by_device ON usage_forks (device);

-- What an admin adds or takes away, with the reason; the audit has a line for each.
CREATE TABLE usage_corrections (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant   text COLLATE "C" NOT NULL,
  device   text COLLATE "C" NOT NULL,
  meter    text COLLATE "C" NOT NULL,
  resource text COLLATE "C" NOT NULL,
  quarter  bigint NOT NULL,
  quantity numeric(39, 0) NOT NULL,
  reason   text NOT NULL,
  actor    text NOT NULL,
  at       bigint NOT NULL
);

CREATE INDEX usage_corrections_by_tenant ON usage_corrections (tenant, quarter);

-- Records are never edited, and leave with their partition alone. A trigger of each row is that of every partition as well.
CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON usage_records FOR EACH ROW EXECUTE FUNCTION kept();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON usage_records EXECUTE FUNCTION kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_dropped EXECUTE FUNCTION kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_losses EXECUTE FUNCTION kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_evidence EXECUTE FUNCTION kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_forks EXECUTE FUNCTION kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_corrections EXECUTE FUNCTION kept();
