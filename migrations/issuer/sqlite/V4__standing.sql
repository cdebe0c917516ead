-- A licence that was withdrawn. `status` is 'suspended' as well while it is, so that an older program gives it nothing
-- either. What was given up to `revoked_seq` in that epoch stays withdrawn when the device is resumed.
ALTER TABLE devices ADD COLUMN revoked_at INTEGER;
ALTER TABLE devices ADD COLUMN revoked_epoch INTEGER;
ALTER TABLE devices ADD COLUMN revoked_seq INTEGER;
