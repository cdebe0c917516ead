-- What the agent and every host on the device write together.

-- What is remembered of time, advanced by whoever ticks.
CREATE TABLE clock (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    marks  BLOB NOT NULL,
    -- SHA-256 over a label and `marks`: SQLite does not notice a flipped bit.
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32)
) STRICT;
