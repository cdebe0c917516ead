-- Quotas. What is counted against them, shared by all processes of the device.

-- By the device's name, the meter, and the span: a local day, a local month, or a licence's life.
CREATE TABLE quotas (
    device TEXT NOT NULL,
    meter  TEXT NOT NULL,
    span   TEXT NOT NULL,
    -- Recorded, and set aside for what is recorded later.
    spent  BLOB NOT NULL,
    -- SHA-256 over a label, device, meter, span and `spent`: SQLite does not notice a flipped bit.
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    PRIMARY KEY (device, meter, span)
) STRICT, WITHOUT ROWID;

-- How many rows there are, and whether records may have been lost that the issuer has not heard of.
CREATE TABLE quota_state (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    state  BLOB NOT NULL,
    -- SHA-256 over a label and `state`.
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32)
) STRICT;
