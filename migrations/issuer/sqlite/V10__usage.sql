-- Usage. What a device has used is on record once: the cursor of its chain moves in the transaction that keeps the records.
-- Quantities are 16 bytes with the highest first, in units of 10^-12; corrections are signed (two's complement). Numbers of
-- records and hashes are those of the device's own journal. Moments are milliseconds since 1970, quarters of an hour are
-- counted from 1970.

-- Up to where each chain is on record. `epoch` is the activation that began it, and picks the tenant for good.
CREATE TABLE usage_cursors (
  device        TEXT NOT NULL REFERENCES devices (id),
  epoch         INTEGER NOT NULL,
  tenant        TEXT NOT NULL REFERENCES tenants (id),
  jkt           BLOB NOT NULL CHECK (length(jkt) = 32),
  seq           INTEGER NOT NULL CHECK (seq >= 0),
  hash          BLOB NOT NULL CHECK (length(hash) = 32),
  -- The moment of the last record whose own clock was believed: no later one is dated before it.
  event_ms      INTEGER NOT NULL,
  closed        INTEGER NOT NULL CHECK (closed IN (0, 1)),
  -- Records of it are lost: what a meter without a row in usage_totals has come to is not known.
  incomplete    INTEGER NOT NULL CHECK (incomplete IN (0, 1)),
  -- Nothing more of it is taken: it contradicted what is on record.
  forked_at     INTEGER,
  -- Up to where a receipt of ours had it that went with a part of this database.
  acknowledged_seq  INTEGER,
  acknowledged_hash BLOB CHECK (length(acknowledged_hash) = 32),
  -- What the device said last of it.
  reported_seq  INTEGER NOT NULL,
  reported_hash BLOB NOT NULL CHECK (length(reported_hash) = 32),
  recoveries    INTEGER NOT NULL,
  received_at   INTEGER NOT NULL,
  PRIMARY KEY (device, epoch)
) STRICT, WITHOUT ROWID;

-- What each meter has come to in a chain, as its next record has to continue it; a loss makes it unknown.
CREATE TABLE usage_totals (
  device TEXT NOT NULL,
  epoch  INTEGER NOT NULL,
  meter  TEXT NOT NULL,
  total  BLOB NOT NULL CHECK (length(total) = 16),
  PRIMARY KEY (device, epoch, meter)
) STRICT, WITHOUT ROWID;

-- The bytes as they were hashed and sent. `from_seq` is below `seq` where a record holds the sums of many.
CREATE TABLE usage_records (
  device      TEXT NOT NULL,
  epoch       INTEGER NOT NULL,
  seq         INTEGER NOT NULL CHECK (seq >= from_seq),
  from_seq    INTEGER NOT NULL CHECK (from_seq >= 1),
  tenant      TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  event_ms    INTEGER NOT NULL,
  -- Of sums: none of their quarters is before that of this moment, and none behind that of `received_at`.
  floor_ms    INTEGER,
  -- Set aside: it is in no sum until somebody replays it.
  quarantined INTEGER NOT NULL CHECK (quarantined IN (0, 1)),
  bytes       BLOB NOT NULL,
  PRIMARY KEY (device, epoch, seq)
) STRICT, WITHOUT ROWID;

-- Sums of a quarter of an hour: a projection of the records that are not in quarantine. No resource is ''.
CREATE TABLE usage_rollups (
  tenant   TEXT NOT NULL,
  quarter  INTEGER NOT NULL,
  device   TEXT NOT NULL,
  meter    TEXT NOT NULL,
  resource TEXT NOT NULL,
  quantity BLOB NOT NULL CHECK (length(quantity) = 16),
  count    INTEGER NOT NULL,
  records  INTEGER NOT NULL,
  PRIMARY KEY (tenant, quarter, device, meter, resource)
) STRICT, WITHOUT ROWID;

-- Why a record is in no sum. It is acknowledged all the same: it never holds up its neighbours.
CREATE TABLE usage_quarantine (
  id          INTEGER PRIMARY KEY,
  device      TEXT NOT NULL,
  epoch       INTEGER NOT NULL,
  seq         INTEGER NOT NULL,
  tenant      TEXT NOT NULL,
  reason      TEXT NOT NULL,
  detail      TEXT NOT NULL,
  at          INTEGER NOT NULL,
  replayed_at INTEGER,
  UNIQUE (device, epoch, seq)
) STRICT;

-- Numbers that will never come: a damaged journal went on behind them, or the database was put back and the device has
-- them no more.
CREATE TABLE usage_losses (
  device   TEXT NOT NULL,
  epoch    INTEGER NOT NULL,
  from_seq INTEGER NOT NULL,
  to_seq   INTEGER NOT NULL CHECK (to_seq >= from_seq),
  tenant   TEXT NOT NULL,
  reason   TEXT NOT NULL CHECK (reason IN ('recovered', 'restored')),
  at       INTEGER NOT NULL,
  PRIMARY KEY (device, epoch, from_seq)
) STRICT, WITHOUT ROWID;

-- Who said what, for anybody with the public keys: the device of its batch, and the issuer of what it has.
CREATE TABLE usage_evidence (
  device     TEXT NOT NULL,
  epoch      INTEGER NOT NULL,
  seq        INTEGER NOT NULL,
  device_key BLOB NOT NULL CHECK (length(device_key) = 32),
  checkpoint TEXT NOT NULL,
  receipt    TEXT NOT NULL,
  at         INTEGER NOT NULL,
  PRIMARY KEY (device, epoch, seq)
) STRICT, WITHOUT ROWID;

-- Two words of one device that cannot both be true.
CREATE TABLE usage_forks (
  id         INTEGER PRIMARY KEY,
  device     TEXT NOT NULL,
  epoch      INTEGER NOT NULL,
  seq        INTEGER NOT NULL,
  known      TEXT,
  other      TEXT NOT NULL,
  detail     TEXT NOT NULL,
  at         INTEGER NOT NULL
) STRICT;

-- What an admin adds or takes away, with the reason; the audit has a line for each.
CREATE TABLE usage_corrections (
  id       INTEGER PRIMARY KEY,
  tenant   TEXT NOT NULL REFERENCES tenants (id),
  device   TEXT NOT NULL REFERENCES devices (id),
  meter    TEXT NOT NULL,
  resource TEXT NOT NULL,
  quarter  INTEGER NOT NULL,
  quantity BLOB NOT NULL CHECK (length(quantity) = 16),
  reason   TEXT NOT NULL,
  actor    TEXT NOT NULL,
  at       INTEGER NOT NULL
) STRICT;

CREATE INDEX usage_corrections_by_tenant ON usage_corrections (tenant, quarter);

-- The largest part of the quotas that a device could use in a month of its customer's, which began then: what it gives back
-- it may have used up before, so that nobody else gets it until the next one.
ALTER TABLE devices ADD COLUMN quota_month INTEGER NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN quota_month_ppm INTEGER NOT NULL DEFAULT 0;
ALTER TABLE past_epochs ADD COLUMN quota_month INTEGER NOT NULL DEFAULT 0;
ALTER TABLE past_epochs ADD COLUMN quota_month_ppm INTEGER NOT NULL DEFAULT 0;

DROP INDEX devices_by_tenant;
CREATE INDEX devices_by_tenant ON devices
  (tenant, id, status, code_expires_at, cameras_named, seats_held, quota_ppm_held, held_until, retired_at, overlap_from,
   quota_month, quota_month_ppm);

-- The key of an activation that is over, by its device alone.
CREATE INDEX past_epochs_by_device ON past_epochs (device, epoch);

-- Records are never edited; quarantine alone is lifted.
CREATE TRIGGER usage_records_kept_1 BEFORE UPDATE OF device, epoch, seq, from_seq, tenant, received_at, event_ms, floor_ms, bytes ON usage_records
  BEGIN SELECT RAISE(ABORT, 'usage_records is insert-only'); END;
CREATE TRIGGER usage_records_kept_2 BEFORE DELETE ON usage_records BEGIN SELECT RAISE(ABORT, 'usage_records is insert-only'); END;
CREATE TRIGGER usage_losses_kept_1 BEFORE UPDATE ON usage_losses BEGIN SELECT RAISE(ABORT, 'usage_losses is insert-only'); END;
CREATE TRIGGER usage_losses_kept_2 BEFORE DELETE ON usage_losses BEGIN SELECT RAISE(ABORT, 'usage_losses is insert-only'); END;
CREATE TRIGGER usage_evidence_kept_1 BEFORE UPDATE ON usage_evidence BEGIN SELECT RAISE(ABORT, 'usage_evidence is insert-only'); END;
CREATE TRIGGER usage_evidence_kept_2 BEFORE DELETE ON usage_evidence BEGIN SELECT RAISE(ABORT, 'usage_evidence is insert-only'); END;
CREATE TRIGGER usage_forks_kept_1 BEFORE UPDATE ON usage_forks BEGIN SELECT RAISE(ABORT, 'usage_forks is insert-only'); END;
CREATE TRIGGER usage_forks_kept_2 BEFORE DELETE ON usage_forks BEGIN SELECT RAISE(ABORT, 'usage_forks is insert-only'); END;
CREATE TRIGGER usage_corrections_kept_1 BEFORE UPDATE ON usage_corrections BEGIN SELECT RAISE(ABORT, 'usage_corrections is insert-only'); END;
CREATE TRIGGER usage_corrections_kept_2 BEFORE DELETE ON usage_corrections BEGIN SELECT RAISE(ABORT, 'usage_corrections is insert-only'); END;
