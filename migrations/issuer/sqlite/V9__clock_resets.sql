-- Answers to clock challenges, whole, recorded before they left: one for each challenge.
CREATE TABLE clock_resets (
  device TEXT NOT NULL REFERENCES devices (id),
  nonce  BLOB NOT NULL CHECK (length(nonce) = 32),
  epoch  INTEGER NOT NULL,
  kid    TEXT NOT NULL,
  iat    INTEGER NOT NULL,
  token  TEXT NOT NULL,
  PRIMARY KEY (device, nonce)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER clock_resets_kept_1 BEFORE UPDATE ON clock_resets BEGIN SELECT RAISE(ABORT, 'clock_resets is insert-only'); END;
CREATE TRIGGER clock_resets_kept_2 BEFORE DELETE ON clock_resets BEGIN SELECT RAISE(ABORT, 'clock_resets is insert-only'); END;
