-- All that is sold. `sold` is what a version has beside cameras and packs: items, and the contract's prices (JSON).
ALTER TABLE subscriptions ADD COLUMN sold TEXT NOT NULL DEFAULT '{}';

-- Which packs a camera had, and on which device, from when on; none from when it was taken off (`device` is NULL). `cameras`
-- is how that stands now. `at` never goes back for a camera, whatever a clock does. `seq` is the order of what was recorded.
CREATE TABLE camera_history (
  seq    INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL REFERENCES tenants (id),
  camera TEXT NOT NULL,
  at     INTEGER NOT NULL,
  device TEXT REFERENCES devices (id),
  packs  TEXT NOT NULL,
  CHECK (device IS NOT NULL OR packs = '[]')
) STRICT;

CREATE INDEX camera_history_by_camera ON camera_history (tenant, camera, seq);
CREATE INDEX camera_history_by_time ON camera_history (tenant, at, seq);

-- What was before is not known: it begins with what is assigned now.
INSERT INTO camera_history (tenant, camera, at, device, packs)
  SELECT tenant, camera, assigned_at, device, packs FROM cameras ORDER BY assigned_at, tenant, camera;

CREATE TRIGGER camera_history_kept_1 BEFORE UPDATE ON camera_history BEGIN SELECT RAISE(ABORT, 'camera_history is insert-only'); END;
CREATE TRIGGER camera_history_kept_2 BEFORE DELETE ON camera_history BEGIN SELECT RAISE(ABORT, 'camera_history is insert-only'); END;
