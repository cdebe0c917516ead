-- Invoices. Money is whole minor units of a currency, days are ISO dates of the tenant's zone, moments are seconds since 1970.
-- A document is a draft until it is issued; then it has a number and nothing of it changes but where it stands. `body` is
-- the document as it was drafted or issued, in JSON.

-- Who invoices (owner '') and who is invoiced (owner is the tenant): every setting is a revision.
CREATE TABLE billing_profiles (
  owner    TEXT NOT NULL,
  revision INTEGER NOT NULL CHECK (revision >= 1),
  body     TEXT NOT NULL,
  set_at   INTEGER NOT NULL,
  set_by   TEXT NOT NULL,
  PRIMARY KEY (owner, revision)
) STRICT, WITHOUT ROWID;

-- Rises with whatever is recorded of a tenant's invoices: what was computed under an older mark is computed again.
CREATE TABLE billing_marks (
  tenant TEXT PRIMARY KEY REFERENCES tenants (id),
  mark   INTEGER NOT NULL CHECK (mark >= 1)
) STRICT, WITHOUT ROWID;

CREATE TABLE closings (
  tenant      TEXT NOT NULL REFERENCES tenants (id),
  period_from TEXT NOT NULL,
  period_to   TEXT NOT NULL CHECK (period_to > period_from),
  at          INTEGER NOT NULL,
  by          TEXT NOT NULL,
  PRIMARY KEY (tenant, period_from)
) STRICT, WITHOUT ROWID;

CREATE TABLE invoices (
  id          TEXT PRIMARY KEY,
  tenant      TEXT NOT NULL REFERENCES tenants (id),
  kind        TEXT NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
  status      TEXT NOT NULL CHECK (status IN ('draft', 'issued', 'paid', 'void')),
  -- In the series of its kind, without gaps.
  ordinal     INTEGER CHECK (ordinal >= 1),
  number      TEXT UNIQUE,
  credits     TEXT REFERENCES invoices (id),
  period_from TEXT NOT NULL,
  -- The newest period that a line of it belongs to.
  newest_from TEXT NOT NULL,
  created_at  INTEGER NOT NULL,
  paid_at     INTEGER,
  paid_by     TEXT,
  voided_at   INTEGER,
  body        TEXT NOT NULL,
  UNIQUE (kind, ordinal),
  CHECK ((status = 'draft') = (number IS NULL)),
  CHECK ((status = 'draft') = (ordinal IS NULL)),
  CHECK ((status = 'paid') = (paid_at IS NOT NULL)),
  CHECK ((status = 'void') = (voided_at IS NOT NULL)),
  CHECK ((kind = 'credit_note') = (credits IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX invoices_by_tenant ON invoices (tenant, newest_from);
CREATE INDEX invoices_by_age ON invoices (created_at, id);
CREATE INDEX invoices_by_credited ON invoices (credits) WHERE credits IS NOT NULL;

-- One line of a key of a period in one revision: whoever invoices it twice is refused here.
CREATE TABLE invoice_lines (
  invoice     TEXT NOT NULL REFERENCES invoices (id),
  place       INTEGER NOT NULL,
  tenant      TEXT NOT NULL,
  period_from TEXT NOT NULL,
  key         TEXT NOT NULL,
  revision    INTEGER NOT NULL CHECK (revision >= 0),
  net_minor   INTEGER NOT NULL,
  PRIMARY KEY (invoice, place),
  UNIQUE (tenant, period_from, key, revision)
) STRICT, WITHOUT ROWID;

-- The number that was given last in each series.
CREATE TABLE invoice_series (
  kind TEXT PRIMARY KEY CHECK (kind IN ('invoice', 'credit_note')),
  last INTEGER NOT NULL CHECK (last >= 1)
) STRICT, WITHOUT ROWID;

CREATE TABLE wallet_entries (
  tenant  TEXT NOT NULL REFERENCES tenants (id),
  seq     INTEGER NOT NULL CHECK (seq >= 1),
  at      INTEGER NOT NULL,
  minor   INTEGER NOT NULL CHECK (minor <> 0),
  invoice TEXT REFERENCES invoices (id),
  reason  TEXT NOT NULL,
  actor   TEXT NOT NULL,
  PRIMARY KEY (tenant, seq)
) STRICT, WITHOUT ROWID;

-- What was paid to others for what is passed through at cost, in currency units.
CREATE TABLE usage_costs (
  tenant TEXT NOT NULL REFERENCES tenants (id),
  seq    INTEGER NOT NULL CHECK (seq >= 1),
  day    TEXT NOT NULL,
  meter  TEXT NOT NULL,
  amount TEXT NOT NULL,
  reason TEXT NOT NULL,
  actor  TEXT NOT NULL,
  at     INTEGER NOT NULL,
  PRIMARY KEY (tenant, seq)
) STRICT, WITHOUT ROWID;

-- What a usage line was added up from, by its SHA-256.
CREATE TABLE billing_evidence (
  digest BLOB PRIMARY KEY CHECK (length(digest) = 32),
  body   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Which text each version of the catalogue has that periods were closed by. The newest counts: another one is taken only from
-- somebody who says so, because one was wrong.
CREATE TABLE invoiced_catalogs (
  id      INTEGER PRIMARY KEY,
  version INTEGER NOT NULL CHECK (version >= 1),
  sha256  BLOB NOT NULL CHECK (length(sha256) = 32),
  at      INTEGER NOT NULL
) STRICT;

CREATE TRIGGER invoiced_catalogs_kept_1 BEFORE UPDATE ON invoiced_catalogs BEGIN SELECT RAISE(ABORT, 'invoiced_catalogs is insert-only'); END;
CREATE TRIGGER invoiced_catalogs_kept_2 BEFORE DELETE ON invoiced_catalogs BEGIN SELECT RAISE(ABORT, 'invoiced_catalogs is insert-only'); END;
CREATE TRIGGER billing_profiles_kept_1 BEFORE UPDATE ON billing_profiles BEGIN SELECT RAISE(ABORT, 'billing_profiles is insert-only'); END;
CREATE TRIGGER billing_profiles_kept_2 BEFORE DELETE ON billing_profiles BEGIN SELECT RAISE(ABORT, 'billing_profiles is insert-only'); END;
CREATE TRIGGER closings_kept_1 BEFORE UPDATE ON closings BEGIN SELECT RAISE(ABORT, 'closings is insert-only'); END;
CREATE TRIGGER closings_kept_2 BEFORE DELETE ON closings BEGIN SELECT RAISE(ABORT, 'closings is insert-only'); END;
CREATE TRIGGER wallet_entries_kept_1 BEFORE UPDATE ON wallet_entries BEGIN SELECT RAISE(ABORT, 'wallet_entries is insert-only'); END;
CREATE TRIGGER wallet_entries_kept_2 BEFORE DELETE ON wallet_entries BEGIN SELECT RAISE(ABORT, 'wallet_entries is insert-only'); END;
CREATE TRIGGER usage_costs_kept_1 BEFORE UPDATE ON usage_costs BEGIN SELECT RAISE(ABORT, 'usage_costs is insert-only'); END;
CREATE TRIGGER usage_costs_kept_2 BEFORE DELETE ON usage_costs BEGIN SELECT RAISE(ABORT, 'usage_costs is insert-only'); END;
CREATE TRIGGER billing_evidence_kept_1 BEFORE UPDATE ON billing_evidence BEGIN SELECT RAISE(ABORT, 'billing_evidence is insert-only'); END;
CREATE TRIGGER billing_evidence_kept_2 BEFORE DELETE ON billing_evidence BEGIN SELECT RAISE(ABORT, 'billing_evidence is insert-only'); END;

CREATE TRIGGER invoices_kept_1 BEFORE UPDATE ON invoices
  WHEN NOT ((OLD.status = 'draft' AND NEW.status = 'issued') OR (OLD.status = 'issued' AND NEW.status IN ('paid', 'void')))
  BEGIN SELECT RAISE(ABORT, 'an invoice goes from draft to issued, and from issued to paid or void'); END;
CREATE TRIGGER invoices_kept_2 BEFORE UPDATE ON invoices
  WHEN NEW.id <> OLD.id OR NEW.tenant <> OLD.tenant OR NEW.kind <> OLD.kind OR NEW.credits IS NOT OLD.credits
    OR NEW.period_from <> OLD.period_from OR NEW.newest_from <> OLD.newest_from OR NEW.created_at <> OLD.created_at
    OR (OLD.status <> 'draft' AND (NEW.body <> OLD.body OR NEW.number <> OLD.number OR NEW.ordinal <> OLD.ordinal))
  BEGIN SELECT RAISE(ABORT, 'an issued invoice never changes'); END;
CREATE TRIGGER invoices_kept_3 BEFORE DELETE ON invoices
  WHEN OLD.status <> 'draft' BEGIN SELECT RAISE(ABORT, 'only a draft is discarded'); END;
CREATE TRIGGER invoice_lines_kept_1 BEFORE UPDATE ON invoice_lines BEGIN SELECT RAISE(ABORT, 'invoice_lines is insert-only'); END;
CREATE TRIGGER invoice_lines_kept_2 BEFORE DELETE ON invoice_lines
  WHEN (SELECT status FROM invoices WHERE id = OLD.invoice) <> 'draft'
  BEGIN SELECT RAISE(ABORT, 'only the lines of a draft are discarded'); END;
CREATE TRIGGER invoice_series_kept_1 BEFORE UPDATE ON invoice_series
  WHEN NEW.last <> OLD.last + 1 BEGIN SELECT RAISE(ABORT, 'numbers have no gaps'); END;
CREATE TRIGGER invoice_series_kept_2 BEFORE DELETE ON invoice_series BEGIN SELECT RAISE(ABORT, 'numbers are never given again'); END;
