-- Invoices. Money is whole minor units of a currency, days are ISO dates of the tenant's zone, moments are seconds since 1970.
-- A document is a draft until it is issued; then it has a number and nothing of it changes but where it stands. `body` is
-- the document as it was drafted or issued, in JSON.

-- Who invoices (owner '') and who is invoiced (owner is the tenant): every setting is a revision.
CREATE TABLE billing_profiles (
  owner    text COLLATE "C" NOT NULL,
  revision bigint NOT NULL CHECK (revision >= 1),
  body     text NOT NULL,
  set_at   bigint NOT NULL,
  set_by   text COLLATE "C" NOT NULL,
  PRIMARY KEY (owner, revision)
);

-- Rises with whatever is recorded of a tenant's invoices: what was computed under an older mark is computed again.
CREATE TABLE billing_marks (
  tenant text COLLATE "C" PRIMARY KEY REFERENCES tenants (id),
  mark   bigint NOT NULL CHECK (mark >= 1)
);

CREATE TABLE closings (
  tenant      text COLLATE "C" NOT NULL REFERENCES tenants (id),
  period_from text COLLATE "C" NOT NULL,
  period_to   text COLLATE "C" NOT NULL CHECK (period_to > period_from),
  at          bigint NOT NULL,
  by          text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, period_from)
);

CREATE TABLE invoices (
  id          text COLLATE "C" PRIMARY KEY,
  tenant      text COLLATE "C" NOT NULL REFERENCES tenants (id),
  kind        text COLLATE "C" NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
  status      text COLLATE "C" NOT NULL CHECK (status IN ('draft', 'issued', 'paid', 'void')),
  -- In the series of its kind, without gaps.
  ordinal     bigint CHECK (ordinal >= 1),
  number      text COLLATE "C" UNIQUE,
  credits     text COLLATE "C" REFERENCES invoices (id),
  period_from text COLLATE "C" NOT NULL,
  -- The newest period that a line of it belongs to.
  newest_from text COLLATE "C" NOT NULL,
  created_at  bigint NOT NULL,
  paid_at     bigint,
  paid_by     text COLLATE "C",
  voided_at   bigint,
  body        text NOT NULL,
  UNIQUE (kind, ordinal),
  CHECK ((status = 'draft') = (number IS NULL)),
  CHECK ((status = 'draft') = (ordinal IS NULL)),
  CHECK ((status = 'paid') = (paid_at IS NOT NULL)),
  CHECK ((status = 'void') = (voided_at IS NOT NULL)),
  CHECK ((kind = 'credit_note') = (credits IS NOT NULL))
);

CREATE INDEX invoices_by_tenant ON invoices (tenant, newest_from);
CREATE INDEX invoices_by_age ON invoices (created_at, id);
CREATE INDEX invoices_by_credited ON invoices (credits) WHERE credits IS NOT NULL;

-- One line of a key of a period in one revision: whoever invoices it twice is refused here.
CREATE TABLE invoice_lines (
  invoice     text COLLATE "C" NOT NULL REFERENCES invoices (id),
  place       bigint NOT NULL,
  tenant      text COLLATE "C" NOT NULL,
  period_from text COLLATE "C" NOT NULL,
  key         text COLLATE "C" NOT NULL,
  revision    bigint NOT NULL CHECK (revision >= 0),
  net_minor   bigint NOT NULL,
  PRIMARY KEY (invoice, place),
  UNIQUE (tenant, period_from, key, revision)
);

-- The number that was given last in each series.
CREATE TABLE invoice_series (
  kind text COLLATE "C" PRIMARY KEY CHECK (kind IN ('invoice', 'credit_note')),
  last bigint NOT NULL CHECK (last >= 1)
);

CREATE TABLE wallet_entries (
  tenant  text COLLATE "C" NOT NULL REFERENCES tenants (id),
  seq     bigint NOT NULL CHECK (seq >= 1),
  at      bigint NOT NULL,
  minor   bigint NOT NULL CHECK (minor <> 0),
  invoice text COLLATE "C" REFERENCES invoices (id),
  reason  text NOT NULL,
  actor   text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, seq)
);

-- What was paid to others for what is passed through at cost, in currency units.
CREATE TABLE usage_costs (
  tenant text COLLATE "C" NOT NULL REFERENCES tenants (id),
  seq    bigint NOT NULL CHECK (seq >= 1),
  day    text COLLATE "C" NOT NULL,
  meter  text COLLATE "C" NOT NULL,
  amount text COLLATE "C" NOT NULL,
  reason text NOT NULL,
  actor  text COLLATE "C" NOT NULL,
  at     bigint NOT NULL,
  PRIMARY KEY (tenant, seq)
);

-- What a usage line was added up from, by its SHA-256.
CREATE TABLE billing_evidence (
  digest bytea PRIMARY KEY CHECK (length(digest) = 32),
  body   text NOT NULL
);

-- Which text each version of the catalogue has that periods were closed by. The newest counts: another one is taken only from
-- somebody who says so, because one was wrong.
CREATE TABLE invoiced_catalogs (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  version bigint NOT NULL CHECK (version >= 1),
  sha256  bytea NOT NULL CHECK (length(sha256) = 32),
  at      bigint NOT NULL
);

CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON invoiced_catalogs EXECUTE FUNCTION kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_profiles EXECUTE FUNCTION kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON closings EXECUTE FUNCTION kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON wallet_entries EXECUTE FUNCTION kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON usage_costs EXECUTE FUNCTION kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_evidence EXECUTE FUNCTION kept();

CREATE FUNCTION invoices_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF OLD.status <> 'draft' THEN RAISE EXCEPTION 'only a draft is discarded'; END IF;
    RETURN OLD;
  END IF;
  IF NOT ((OLD.status = 'draft' AND NEW.status = 'issued') OR (OLD.status = 'issued' AND NEW.status IN ('paid', 'void'))) THEN
    RAISE EXCEPTION 'an invoice goes from draft to issued, and from issued to paid or void';
  END IF;
  IF NEW.id <> OLD.id OR NEW.tenant <> OLD.tenant OR NEW.kind <> OLD.kind OR NEW.credits IS DISTINCT FROM OLD.credits
    OR NEW.period_from <> OLD.period_from OR NEW.newest_from <> OLD.newest_from OR NEW.created_at <> OLD.created_at
    OR (OLD.status <> 'draft' AND (NEW.body <> OLD.body OR NEW.number <> OLD.number OR NEW.ordinal <> OLD.ordinal)) THEN
    RAISE EXCEPTION 'an issued invoice never changes';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION invoice_lines_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND (SELECT status FROM invoices WHERE id = OLD.invoice) = 'draft' THEN RETURN OLD; END IF;
  RAISE EXCEPTION 'only the lines of a draft are discarded';
END $$;

CREATE FUNCTION invoice_series_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.last = OLD.last + 1 THEN RETURN NEW; END IF;
  RAISE EXCEPTION 'numbers have no gaps and are never given again';
END $$;

CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON invoices FOR EACH ROW EXECUTE FUNCTION invoices_kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON invoice_lines FOR EACH ROW EXECUTE FUNCTION invoice_lines_kept();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON invoice_series FOR EACH ROW EXECUTE FUNCTION invoice_series_kept();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON invoices EXECUTE FUNCTION kept();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON invoice_lines EXECUTE FUNCTION kept();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON invoice_series EXECUTE FUNCTION kept();
