-- What leaves the journal once the issuer has it, and how large it may become.

-- Behind which record each chain begins here, with what each meter had come to by then. No row: at its genesis.
CREATE TABLE bases (
    chain  INTEGER PRIMARY KEY CHECK (chain >= 1),
    base   BLOB NOT NULL,
    -- SHA-256 over a label, the number and `base`.
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32)
) STRICT;

-- How many bytes the file may have, where that is not the usual number.
CREATE TABLE limits (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    bytes_max   INTEGER NOT NULL CHECK (bytes_max >= 1048576)
) STRICT;
