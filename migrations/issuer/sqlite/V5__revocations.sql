-- Signed lists of revoked licences, whole, recorded before they left. The newest of a tenant is in force.
CREATE TABLE revocation_lists (
  tenant         TEXT NOT NULL REFERENCES tenants (id),
  version        INTEGER NOT NULL CHECK (version >= 1),
  kid            TEXT NOT NULL,
  iat            INTEGER NOT NULL,
  until          INTEGER NOT NULL,
  content_sha256 BLOB NOT NULL CHECK (length(content_sha256) = 32),
  token          TEXT NOT NULL,
  PRIMARY KEY (tenant, version)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER revocation_lists_kept_1 BEFORE UPDATE ON revocation_lists BEGIN SELECT RAISE(ABORT, 'revocation_lists is insert-only'); END;
CREATE TRIGGER revocation_lists_kept_2 BEFORE DELETE ON revocation_lists BEGIN SELECT RAISE(ABORT, 'revocation_lists is insert-only'); END;
