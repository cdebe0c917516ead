-- The exchange state of one device. Each table has one row or is a short queue.

CREATE TABLE install (
    one          INTEGER PRIMARY KEY CHECK (one = 1),
    issuer       TEXT NOT NULL,
    trust_sha256 BLOB NOT NULL CHECK (length(trust_sha256) = 32),
    jkt          BLOB NOT NULL CHECK (length(jkt) = 32),
    issuer_url   TEXT,
    -- What the issuer named this device: all of it, or nothing before the first answer.
    tenant       TEXT,
    device       TEXT,
    epoch        INTEGER,
    CHECK ((tenant IS NULL) = (device IS NULL) AND (device IS NULL) = (epoch IS NULL))
) STRICT;

-- What must never go backwards.
CREATE TABLE marks (
    one            INTEGER PRIMARY KEY CHECK (one = 1),
    licence_epoch  INTEGER,
    licence_seq    INTEGER,
    licence_sha256 BLOB CHECK (length(licence_sha256) = 32),
    licence_kid    BLOB CHECK (length(licence_kid) = 32),
    keyset_version INTEGER,
    keyset_sha256  BLOB CHECK (length(keyset_sha256) = 32),
    receipt_seq    INTEGER,
    receipt_sha256 BLOB CHECK (length(receipt_sha256) = 32),
    CHECK ((licence_seq IS NULL) = (licence_epoch IS NULL) AND (licence_seq IS NULL) = (licence_sha256 IS NULL)
        AND (licence_seq IS NULL) = (licence_kid IS NULL)),
    CHECK ((keyset_version IS NULL) = (keyset_sha256 IS NULL)),
    CHECK ((receipt_seq IS NULL) = (receipt_sha256 IS NULL))
) STRICT;

CREATE TABLE exchange (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    ctr        INTEGER NOT NULL DEFAULT 0 CHECK (ctr >= 0),
    -- Secret: the MAC key of the next request.
    ratchet    BLOB CHECK (length(ratchet) = 32),
    next_after INTEGER,
    presence   TEXT
) STRICT;

-- The request that is sent again, byte for byte, until it is answered.
CREATE TABLE pending (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    kind     TEXT NOT NULL CHECK (kind IN ('activate', 'exchange')),
    ctr      INTEGER NOT NULL CHECK (ctr > 0),
    nonce    BLOB NOT NULL CHECK (length(nonce) = 32),
    bytes    BLOB NOT NULL,
    wall     INTEGER NOT NULL,
    boot_id  TEXT NOT NULL,
    boottime INTEGER NOT NULL
) STRICT;

-- Accepted documents that the vault and the bundle may not have yet.
CREATE TABLE inbox (
    one       INTEGER PRIMARY KEY CHECK (one = 1),
    documents BLOB NOT NULL
) STRICT;

CREATE TABLE refusals (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    code   TEXT NOT NULL,
    what   TEXT NOT NULL
) STRICT;

-- SHA-256 over all of the above.
CREATE TABLE seal (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32)
) STRICT;

INSERT INTO marks (one) VALUES (1);
INSERT INTO exchange (one) VALUES (1);
