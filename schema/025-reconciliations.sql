-- Reconciliation: a provider's bill of a day against our books.

-- provider: its key, as in requests. starts_at: of the bill's day, in the provider's zone.
-- outcome: 0 running, 1 clean, 2 all that differed was repaired, 3 differences are left, 4 the bill is not made yet, 5 failed
CREATE TABLE reconciliations (
  reconciliation_id BIGINT NOT NULL AUTO_INCREMENT,
  provider VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  starts_at BIGINT NOT NULL,
  outcome TINYINT NOT NULL,
  -- why it failed
  error VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NULL,
  -- by jobs, not by the command
  automatic TINYINT NOT NULL,
  repairs TINYINT NOT NULL,
  -- the provider while running: one at a time, on all hosts
  running VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NULL,
  -- moved on while it runs; once it has passed, the run was killed
  lease_at BIGINT NOT NULL,
  -- of the bill
  payments BIGINT NOT NULL DEFAULT 0,
  paid BIGINT NOT NULL DEFAULT 0,
  refunds BIGINT NOT NULL DEFAULT 0,
  refunded BIGINT NOT NULL DEFAULT 0,
  findings BIGINT NOT NULL DEFAULT 0,
  repaired BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  ended_at BIGINT NULL,
  PRIMARY KEY (reconciliation_id),
  UNIQUE KEY one_running (running),
  KEY by_day (starts_at),
  KEY by_outcome (outcome)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- the lines of the bill of a running reconciliation
-- subject: 1 a payment, 2 a refund. number: its out_trade_no or out_refund_no
-- state: of a payment 1 paid, 2 not paid; of a refund as in refunds, or 0 unknown
CREATE TABLE reconciliation_lines (
  reconciliation_id BIGINT NOT NULL,
  line_no BIGINT NOT NULL,
  subject TINYINT NOT NULL,
  number VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  out_trade_no VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  transaction_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  amount BIGINT NOT NULL,
  state TINYINT NOT NULL,
  PRIMARY KEY (reconciliation_id, line_no),
  UNIQUE KEY number (reconciliation_id, subject, number)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- reason: lib/shop/money/reconciliation.h
CREATE TABLE reconciliation_findings (
  finding_id BIGINT NOT NULL AUTO_INCREMENT,
  reconciliation_id BIGINT NOT NULL,
  reason TINYINT NOT NULL,
  number VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  out_trade_no VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  transaction_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  -- NULL: not there
  billed BIGINT NULL,
  booked BIGINT NULL,
  created_at BIGINT NOT NULL,
  repaired_at BIGINT NULL,
  PRIMARY KEY (finding_id),
  KEY by_run (reconciliation_id, finding_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- what a bill lists and our books may place on another day: it isn't missing in the bill of that day
CREATE TABLE billed (
  provider VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  subject TINYINT NOT NULL,
  number VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  starts_at BIGINT NOT NULL,
  PRIMARY KEY (provider, subject, number)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- what was paid, and what was refunded, in a time
ALTER TABLE payment_attempts ADD KEY by_paid (provider, paid_at);

ALTER TABLE refunds ADD KEY by_end (state, updated_at);
