-- A device that was taken out of service. What was minted for it may run until `held_until` and holds its seats until
-- then, unless somebody accepted that these overlap with those of its successor (`overlap_from`).
ALTER TABLE devices ADD COLUMN retired_at INTEGER;
ALTER TABLE devices ADD COLUMN replaced_by TEXT REFERENCES devices (id);
ALTER TABLE devices ADD COLUMN overlap_from INTEGER;

DROP INDEX devices_by_tenant;
CREATE INDEX devices_by_tenant ON devices
  (tenant, id, status, code_expires_at, cameras_named, seats_held, quota_ppm_held, held_until, retired_at, overlap_from);
