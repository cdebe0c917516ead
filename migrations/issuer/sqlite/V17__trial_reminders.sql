-- What was said of the end of a trial, each once: so many days of the tenant before it, 0 at the end itself. Of several that
-- were due at once the most urgent was said, and the others name it in `skipped_for`.
CREATE TABLE trial_reminders (
  tenant           TEXT NOT NULL REFERENCES tenants (id),
  trial_started_at INTEGER NOT NULL,
  days             INTEGER NOT NULL CHECK (days >= 0),
  trial_ends_at    INTEGER NOT NULL,
  due_at           INTEGER NOT NULL,
  at               INTEGER NOT NULL CHECK (at >= due_at),
  skipped_for      INTEGER CHECK (skipped_for < days),
  PRIMARY KEY (tenant, trial_started_at, days)
) STRICT;

CREATE TRIGGER trial_reminders_kept_1 BEFORE UPDATE ON trial_reminders BEGIN SELECT RAISE(ABORT, 'trial_reminders is insert-only'); END;
CREATE TRIGGER trial_reminders_kept_2 BEFORE DELETE ON trial_reminders BEGIN SELECT RAISE(ABORT, 'trial_reminders is insert-only'); END;

-- Whose trials end soon is asked every hour, and most tenants have none.
CREATE INDEX subscriptions_of_trials ON subscriptions (trial_ends_at, tenant) WHERE trial_ends_at IS NOT NULL;
