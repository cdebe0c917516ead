-- What happens by itself when a device seems to run twice. Evidence is kept whatever it says.
ALTER TABLE tenants ADD COLUMN clones TEXT NOT NULL DEFAULT 'alert' CHECK (clones IN ('alert', 'reactivate', 'suspend'));

-- Since when every copy of a device is refused until one of them was activated anew.
ALTER TABLE devices ADD COLUMN reactivate_from INTEGER;

-- Which request an answer was for, and what it said of its sender: the other half of the evidence when a copy asks.
ALTER TABLE answers ADD COLUMN nonce BLOB CHECK (length(nonce) = 32);
ALTER TABLE answers ADD COLUMN at INTEGER;
ALTER TABLE answers ADD COLUMN boot_id TEXT;
ALTER TABLE answers ADD COLUMN proof TEXT;

-- The newest requests that were answered in the epoch that runs. One of them that arrives once more is a replay.
CREATE TABLE requests (
  device TEXT NOT NULL REFERENCES devices (id),
  ctr    INTEGER NOT NULL,
  nonce  BLOB NOT NULL CHECK (length(nonce) = 32),
  PRIMARY KEY (device, ctr)
) STRICT, WITHOUT ROWID;

-- A code that activates one device anew, with another key. It counts only in the epoch that it was made in.
CREATE TABLE reactivation_codes (
  code_sha256 BLOB PRIMARY KEY CHECK (length(code_sha256) = 32),
  device      TEXT NOT NULL REFERENCES devices (id),
  epoch       INTEGER NOT NULL,
  overlap     INTEGER NOT NULL CHECK (overlap IN (0, 1)),
  expires_at  INTEGER NOT NULL,
  created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE reactivations (
  code_sha256  BLOB PRIMARY KEY REFERENCES reactivation_codes (code_sha256),
  jkt          TEXT NOT NULL UNIQUE,
  device       TEXT NOT NULL REFERENCES devices (id),
  epoch        INTEGER NOT NULL,
  activated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX code_redemptions_by_key ON code_redemptions (jkt);

-- Epochs that are over. What was minted in one may run on until `held_until`, with the key of then, beside what the
-- device runs now; it holds its seats until then unless somebody accepted that they run twice (`overlap_from`).
CREATE TABLE past_epochs (
  tenant         TEXT NOT NULL REFERENCES tenants (id),
  device         TEXT NOT NULL REFERENCES devices (id),
  epoch          INTEGER NOT NULL,
  jkt            TEXT NOT NULL,
  seats_held     INTEGER NOT NULL,
  quota_ppm_held INTEGER NOT NULL,
  held_until     INTEGER NOT NULL,
  ended_at       INTEGER NOT NULL,
  overlap_from   INTEGER,
  PRIMARY KEY (tenant, device, epoch)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER reactivation_codes_kept_1 BEFORE UPDATE ON reactivation_codes BEGIN SELECT RAISE(ABORT, 'reactivation_codes is insert-only'); END;
CREATE TRIGGER reactivation_codes_kept_2 BEFORE DELETE ON reactivation_codes BEGIN SELECT RAISE(ABORT, 'reactivation_codes is insert-only'); END;
CREATE TRIGGER reactivations_kept_1 BEFORE UPDATE ON reactivations BEGIN SELECT RAISE(ABORT, 'reactivations is insert-only'); END;
CREATE TRIGGER reactivations_kept_2 BEFORE DELETE ON reactivations BEGIN SELECT RAISE(ABORT, 'reactivations is insert-only'); END;
