-- The version that a device's agent said it has, as far as it can be shown to people: letters, digits and .+_- alone.
ALTER TABLE devices ADD COLUMN agent_version TEXT;
