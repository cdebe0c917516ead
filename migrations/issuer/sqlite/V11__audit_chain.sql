-- The audit as chains: one for each tenant, and one ('') for what concerns the issuer as a whole. `hash` covers the line
-- and the one before it. Lines from before stand in no chain; the first line of the issuer's chain holds their digest.
ALTER TABLE audit ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN seq INTEGER CHECK (seq >= 1);
ALTER TABLE audit ADD COLUMN hash BLOB CHECK (length(hash) = 32);

CREATE UNIQUE INDEX audit_chain ON audit (tenant, seq);
CREATE INDEX audit_by_time ON audit (at, tenant, seq);
CREATE INDEX audit_by_tenant ON audit (tenant, at, seq);

-- Where a chain stood, signed: kept elsewhere too, it shows whether lines were taken from the end.
CREATE TABLE audit_seals (
  tenant TEXT NOT NULL,
  seq    INTEGER NOT NULL CHECK (seq >= 1),
  hash   BLOB NOT NULL CHECK (length(hash) = 32),
  kid    TEXT NOT NULL,
  iat    INTEGER NOT NULL,
  token  TEXT NOT NULL,
  PRIMARY KEY (tenant, seq)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_seals_kept_1 BEFORE UPDATE ON audit_seals BEGIN SELECT RAISE(ABORT, 'audit_seals is insert-only'); END;
CREATE TRIGGER audit_seals_kept_2 BEFORE DELETE ON audit_seals BEGIN SELECT RAISE(ABORT, 'audit_seals is insert-only'); END;

-- Every document that was ever signed for devices, whichever table it is recorded in.
CREATE VIEW issued AS
  SELECT tenant, device, 'license' AS kind, epoch, seq AS number, jti, kid, iat, exp + grace_seconds AS until, token FROM licences
  UNION ALL
  SELECT d.tenant, e.device, 'extension', e.epoch, e.number, '', e.kid, e.iat, e.until, e.token
  FROM extensions e JOIN devices d ON d.id = e.device
  UNION ALL
  SELECT d.tenant, c.device, 'clock_reset', c.epoch, 0, lower(hex(c.nonce)), c.kid, c.iat, NULL, c.token
  FROM clock_resets c JOIN devices d ON d.id = c.device
  UNION ALL
  SELECT tenant, '', 'revocations', 0, version, '', kid, iat, until, token FROM revocation_lists;

CREATE INDEX licences_by_tenant ON licences (tenant, iat);
