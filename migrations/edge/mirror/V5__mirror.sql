-- How far the agent has copied. Written in the transaction that writes what it copies, so that nothing is copied twice.

CREATE TABLE mirror_cursors (
    -- usage: a chain of the journal; log: the validation log; else the table that is copied whole, by its digest.
    source     text NOT NULL,
    device_id  text NOT NULL,
    epoch      integer NOT NULL DEFAULT 0,
    -- The last number that is here; of what is copied whole, how often it was written.
    seq        bigint NOT NULL DEFAULT 0,
    -- Up to where the issuer has taken it.
    settled    bigint NOT NULL DEFAULT 0,
    -- Of a chain: whose usage it is, as was known while the device recorded into it.
    tenant_id  text NOT NULL DEFAULT '',
    -- What tells the last record from another under its number, or what is copied whole from what it was.
    digest     bytea,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, device_id, epoch)
);

-- What had left the device before it could be copied. Each is said here, and none is guessed.
CREATE TABLE mirror_gaps (
    source    text NOT NULL,
    device_id text NOT NULL,
    epoch     integer NOT NULL DEFAULT 0,
    first_seq bigint NOT NULL,
    last_seq  bigint NOT NULL,
    -- left: settled or overwritten before it was copied; damaged: the journal was, and goes on behind it.
    reason    text NOT NULL CHECK (reason IN ('left', 'damaged')),
    seen_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, device_id, epoch, first_seq)
);
