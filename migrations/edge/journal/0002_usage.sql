-- Usage. Every activation of the device begins a chain of records of its own; the highest number is the one in use.

-- Where each chain stands. The agent begins chains and names the licence; whoever records moves the head.
CREATE TABLE heads (
    chain  INTEGER PRIMARY KEY CHECK (chain >= 1),
    head   BLOB NOT NULL,
    -- SHA-256 over a label, the number and `head`: SQLite does not notice a flipped bit.
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32)
) STRICT;

-- The bytes that were hashed, as they are sent one day: never edited, never encoded again.
CREATE TABLE records (
    chain INTEGER NOT NULL,
    seq   INTEGER NOT NULL CHECK (seq >= 1),
    bytes BLOB NOT NULL,
    hash  BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (chain, seq)
) STRICT, WITHOUT ROWID;

-- What each meter has come to in a chain.
CREATE TABLE totals (
    chain  INTEGER NOT NULL,
    meter  TEXT NOT NULL,
    sums   BLOB NOT NULL,
    -- SHA-256 over a label, chain, meter and `sums`.
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    PRIMARY KEY (chain, meter)
) STRICT, WITHOUT ROWID;
