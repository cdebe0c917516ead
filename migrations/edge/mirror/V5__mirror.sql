-- How far the agent has copied. Written in the transaction that writes what it copies, so that nothing is copied twice.

CREATE TABLE mirror_cursors (
    -- usage: a chain of the journal; log: the validation log; and the digest of what was copied whole.
    source     text NOT NULL,
    device_id  text NOT NULL,
    epoch      integer NOT NULL DEFAULT 0,
    -- The last number that is here.
    seq        bigint NOT NULL,
    -- Up to where the issuer has taken it.
    settled    bigint NOT NULL DEFAULT 0,
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
    reason    text NOT NULL,
    seen_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, device_id, epoch, first_seq)
);
