-- Up to where each chain of usage is settled, as receipts say, and up to where it was ever sent: what may be on record at
-- the issuer already is never changed here.
CREATE TABLE settled (
    epoch INTEGER NOT NULL,
    jkt   BLOB NOT NULL CHECK (length(jkt) = 32),
    seq   INTEGER NOT NULL CHECK (seq >= 0),
    hash  BLOB NOT NULL CHECK (length(hash) = 32),
    sent  INTEGER NOT NULL CHECK (sent >= 0),
    -- When that was read, by the guarded time in milliseconds: what was recorded later was never sent.
    sent_ms INTEGER NOT NULL,
    PRIMARY KEY (epoch, jkt)
) STRICT, WITHOUT ROWID;
