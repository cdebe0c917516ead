-- Subscriptions over time. A version takes effect at an instant of its own: of those that have, the one with the latest
-- instant is in force, and of several with one instant the highest version. `made` is what made it: somebody who set
-- everything, a change, a change that was taken back (`of_version`), or one of these (`of_version`) that took effect earlier
-- and was recorded later, so that what lies behind it is said again. `delta` is what a change changes.
ALTER TABLE subscriptions ADD COLUMN effective_at bigint;
ALTER TABLE subscriptions ADD COLUMN made text NOT NULL DEFAULT 'set' CHECK (made IN ('set', 'change', 'cancel', 'again'));
ALTER TABLE subscriptions ADD COLUMN of_version bigint;
ALTER TABLE subscriptions ADD COLUMN delta text;
ALTER TABLE subscriptions ADD COLUMN set_by text;
ALTER TABLE subscriptions ADD COLUMN reason text;

-- The highest version was in force until now, even where a clock had been set back between two of them.
ALTER TABLE subscriptions DISABLE TRIGGER kept;
UPDATE subscriptions s SET effective_at =
  (SELECT max(n.set_at) FROM subscriptions n WHERE n.tenant = s.tenant AND n.version <= s.version);
ALTER TABLE subscriptions ENABLE TRIGGER kept;
ALTER TABLE subscriptions ALTER COLUMN effective_at SET NOT NULL;

CREATE INDEX subscriptions_in_force ON subscriptions (tenant, effective_at, version);
