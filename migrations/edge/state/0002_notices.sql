-- What the issuer signed beside the licence, the newest of each kind. `kind` is the number of its section in a bundle.
CREATE TABLE notices (
    kind   INTEGER PRIMARY KEY,
    number INTEGER NOT NULL CHECK (number >= 0),
    token  TEXT NOT NULL
) STRICT;
