-- What was said of the end of a trial, each once: so many days of the tenant before it, 0 at the end itself. Of several that
-- were due at once the most urgent was said, and the others name it in `skipped_for`.
CREATE TABLE trial_reminders (
  tenant           text COLLATE "C" NOT NULL REFERENCES tenants (id),
  trial_started_at bigint NOT NULL,
  days             bigint NOT NULL CHECK (days >= 0),
  trial_ends_at    bigint NOT NULL,
  due_at           bigint NOT NULL,
  at               bigint NOT NULL CHECK (at >= due_at),
  skipped_for      bigint CHECK (skipped_for < days),
  PRIMARY KEY (tenant, trial_started_at, days)
);

CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON trial_reminders EXECUTE FUNCTION kept();

-- Whose trials end soon is asked every hour, and most tenants have none.
CREATE INDEX subscriptions_of_trials ON subscriptions (trial_ends_at, tenant) WHERE trial_ends_at IS NOT NULL;
