-- Extensions of licences, whole, recorded before they left. The newest of a device is in force.
CREATE TABLE extensions (
  device TEXT NOT NULL REFERENCES devices (id),
  number INTEGER NOT NULL CHECK (number BETWEEN 1 AND 65535),
  epoch  INTEGER NOT NULL,
  kid    TEXT NOT NULL,
  iat    INTEGER NOT NULL,
  until  INTEGER NOT NULL CHECK (until > iat),
  token  TEXT NOT NULL,
  PRIMARY KEY (device, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER extensions_kept_1 BEFORE UPDATE ON extensions BEGIN SELECT RAISE(ABORT, 'extensions is insert-only'); END;
CREATE TRIGGER extensions_kept_2 BEFORE DELETE ON extensions BEGIN SELECT RAISE(ABORT, 'extensions is insert-only'); END;

-- When each licence ends for good: after its grace, or with the last extension that was issued after it.
CREATE VIEW licence_ends AS
  SELECT l.device, l.epoch, l.seq, l.iat, l.named_seats + l.any_seats AS seats, l.quota_ppm,
         max(l.exp + l.grace_seconds,
             coalesce((SELECT max(e.until) FROM extensions e
                       WHERE e.device = l.device AND e.epoch = l.epoch AND e.iat >= l.iat), 0)) AS ends_at
  FROM licences l;
