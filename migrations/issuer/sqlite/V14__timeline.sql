-- Subscriptions over time. A version takes effect at an instant of its own: of those that have, the one with the latest
-- instant is in force, and of several with one instant the highest version. `made` is what made it: somebody who set
-- everything, a change, a change that was taken back (`of_version`), or one of these (`of_version`) that took effect earlier
-- and was recorded later, so that what lies behind it is said again. `delta` is what a change changes.
DROP VIEW subscriptions_current;
DROP TRIGGER subscriptions_kept_1;

ALTER TABLE subscriptions ADD COLUMN effective_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE subscriptions ADD COLUMN made TEXT NOT NULL DEFAULT 'set' CHECK (made IN ('set', 'change', 'cancel', 'again'));
ALTER TABLE subscriptions ADD COLUMN of_version INTEGER;
ALTER TABLE subscriptions ADD COLUMN delta TEXT;
ALTER TABLE subscriptions ADD COLUMN set_by TEXT;
ALTER TABLE subscriptions ADD COLUMN reason TEXT;

-- The highest version was in force until now, even where a clock had been set back between two of them.
UPDATE subscriptions SET effective_at =
  (SELECT max(s.set_at) FROM subscriptions s
   WHERE s.tenant = subscriptions.tenant AND s.version <= subscriptions.version);

CREATE TRIGGER subscriptions_kept_1 BEFORE UPDATE ON subscriptions BEGIN SELECT RAISE(ABORT, 'subscriptions is insert-only'); END;
CREATE INDEX subscriptions_in_force ON subscriptions (tenant, effective_at, version);
