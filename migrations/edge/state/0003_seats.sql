-- The device's own word on its unnamed seats, as it was signed last, and the cameras (JSON) that lost theirs to a licence.
CREATE TABLE seats (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    token   TEXT NOT NULL,
    dropped TEXT NOT NULL
) STRICT;
