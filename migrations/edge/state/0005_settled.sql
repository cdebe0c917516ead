-- Up to where each chain of usage is settled, as receipts say, and up to where it was ever sent: what may be on record at
-- the issuer already is never changed here.
CREATE TABLE settled (
    epoch   INTEGER NOT NULL,
    jkt     BLOB NOT NULL CHECK (length(jkt) = 32),
    seq     INTEGER NOT NULL CHECK (seq >= 0),
    hash    BLOB NOT NULL CHECK (length(hash) = 32),
    sent    INTEGER NOT NULL CHECK (sent >= 0),
    -- When that was read, by every clock: what was recorded later was never sent. All of them, or nothing was sent yet.
    boot_id     TEXT,
    boottime_ms INTEGER,
    wall_ms     INTEGER,
    est_ms      INTEGER,
    -- The issuer takes no more of it: it has other records under its numbers, does not believe it, or lacks what is gone.
    stuck  INTEGER NOT NULL CHECK (stuck IN (0, 1)),
    PRIMARY KEY (epoch, jkt)
) STRICT, WITHOUT ROWID;
