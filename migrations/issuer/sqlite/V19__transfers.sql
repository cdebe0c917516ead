-- Devices that came from another customer. Each day is paid once: that of the transfer by whom the device was, and those from
-- the day after on by whom it is, from a midnight of theirs.
CREATE TABLE device_transfers (
  device      TEXT PRIMARY KEY NOT NULL REFERENCES devices (id),
  came_from   TEXT NOT NULL UNIQUE REFERENCES devices (id),
  billed_from INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
