-- The move of the old SQLite files: which files, how far each has come, and what PostgreSQL cannot hold.

-- One row for each file; its number is the upper part of the numbers of its rows.
CREATE TABLE transfer_sources (
    number     integer PRIMARY KEY CHECK (number BETWEEN 1 AND 8191),
    -- configuration or telemetry
    kind       text NOT NULL CHECK (kind IN ('configuration', 'telemetry')),
    -- The file's name within its directory.
    name       text NOT NULL,
    -- The camera that the file is named for; NULL for one of all cameras.
    camera_id  text,
    tenant_id  text,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (kind, name)
);

-- How far a table of a file has come: written in the transaction that writes its rows.
CREATE TABLE transfer_progress (
    source      integer NOT NULL REFERENCES transfer_sources (number),
    table_name  text NOT NULL,
    -- The last rowid that was looked at.
    last_rowid  bigint,
    copied      bigint NOT NULL DEFAULT 0,
    rejected    bigint NOT NULL DEFAULT 0,
    -- pending, copying, done
    -- Of what was replaced whole: the count of its rows and the sum of their digests, to leave alone what did not change.
    digest      bytea,
    state       text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'copying', 'done')),
    started_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, table_name)
);

-- Rows that PostgreSQL cannot hold, whole, with the reason.
CREATE TABLE transfer_rejects (
    source     integer NOT NULL REFERENCES transfer_sources (number),
    table_name text NOT NULL,
    rowid      bigint NOT NULL,
    -- Which of the things that one row holds: zones of a camera; 0 for the row itself.
    part       integer NOT NULL DEFAULT 0,
    -- A stable word for the reason, and where in the row.
    reason     text NOT NULL,
    detail     text NOT NULL,
    camera_id  text,
    -- The row as JSON in UTF-8: each column with its storage class, as docs/TRANSFER.md describes it.
    content    bytea NOT NULL,
    seen_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, table_name, rowid, part)
);
CREATE INDEX transfer_rejects_reason ON transfer_rejects (reason);
