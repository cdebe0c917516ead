-- What each device said last of its unnamed seats, as it was signed, and the cameras on them. A projection of that document.
CREATE TABLE seat_reports (
  device      TEXT PRIMARY KEY REFERENCES devices (id),
  epoch       INTEGER NOT NULL,
  jti         TEXT NOT NULL,
  reported_at INTEGER NOT NULL,
  token       TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE device_seats (
  device TEXT NOT NULL REFERENCES seat_reports (device) ON DELETE CASCADE,
  camera TEXT NOT NULL,
  packs  TEXT NOT NULL,
  tenant TEXT NOT NULL,
  PRIMARY KEY (device, camera)
) STRICT, WITHOUT ROWID;

CREATE INDEX device_seats_by_camera ON device_seats (tenant, camera);
