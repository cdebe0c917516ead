-- The challenge that a clock reset has to answer: a new one takes its place, and its answer spends it.
CREATE TABLE clock_challenge (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    nonce    BLOB NOT NULL CHECK (length(nonce) = 32),
    wall     INTEGER NOT NULL,
    boot_id  TEXT NOT NULL,
    boottime INTEGER NOT NULL
) STRICT;

-- The reset accepted last. The clock's marks, which are kept elsewhere, learn of it by its number.
CREATE TABLE clock_reset (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    number      INTEGER NOT NULL CHECK (number >= 1),
    server_time INTEGER NOT NULL,
    boot_id     TEXT NOT NULL,
    boottime    INTEGER NOT NULL
) STRICT;
