-- What only a device vouches for is written down once, and then not again for a while: one row per device and reason.
CREATE TABLE reactions (
  device       TEXT NOT NULL REFERENCES devices (id),
  reason       TEXT NOT NULL,
  at           INTEGER NOT NULL,
  proof_sha256 BLOB NOT NULL CHECK (length(proof_sha256) = 32),
  PRIMARY KEY (device, reason)
) STRICT, WITHOUT ROWID;

-- The receipt that showed this database to be older than its device, until the device has got an answer to it.
ALTER TABLE devices ADD COLUMN restored_by INTEGER;
