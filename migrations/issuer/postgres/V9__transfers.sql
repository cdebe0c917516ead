-- Devices that came from another customer. Each day is paid once: that of the transfer by whom the device was, and those from
-- the day after on by whom it is, from a midnight of theirs.
CREATE TABLE device_transfers (
  device      text COLLATE "C" PRIMARY KEY REFERENCES devices (id),
  came_from   text COLLATE "C" NOT NULL UNIQUE REFERENCES devices (id),
  billed_from bigint NOT NULL
);
