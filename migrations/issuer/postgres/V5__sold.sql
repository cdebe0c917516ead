-- All that is sold. `sold` is what a version has beside cameras and packs: items, and the contract's prices (JSON).
ALTER TABLE subscriptions ADD COLUMN sold text NOT NULL DEFAULT '{}';

-- Which packs a camera had, and on which device, from when on; none from when it was taken off (`device` is NULL). `cameras`
-- is how that stands now. `at` never goes back for a camera, whatever a clock does. `seq` is the order of what was recorded:
-- whoever records holds the tenant's row.
CREATE TABLE camera_history (
  tenant text COLLATE "C" NOT NULL REFERENCES tenants (id),
  camera text COLLATE "C" NOT NULL,
  seq    bigint GENERATED ALWAYS AS IDENTITY,
  at     bigint NOT NULL,
  device text COLLATE "C" REFERENCES devices (id),
  packs  text NOT NULL,
  PRIMARY KEY (tenant, camera, seq),
  CHECK (device IS NOT NULL OR packs = '[]')
);

CREATE INDEX camera_history_by_time ON camera_history (tenant, at, seq);

-- What was before is not known: it begins with what is assigned now.
INSERT INTO camera_history (tenant, camera, at, device, packs)
  SELECT tenant, camera, assigned_at, device, packs FROM cameras ORDER BY assigned_at, tenant, camera;

CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON camera_history EXECUTE FUNCTION kept();
