-- Refunds: what goes back of a payment that came.
-- With them: payment_attempts.state 5, what was due has gone back; payment_events.verdict 7, about a
-- refund of ours; outbox.kind 2, follow a refund until it is final.

-- state: 1 processing (or unknown: it is asked), 2 success, 3 closed (nothing went back), 4 abnormal (somebody must mend it)
-- automatic: 1 for money that could not be granted; it belongs to the attempt and leaves the order alone
CREATE TABLE refunds (
  refund_id BIGINT NOT NULL AUTO_INCREMENT,
  -- fixed before the provider is called, and never replaced while its outcome is unknown
  refund_no VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  attempt_id BIGINT NOT NULL,
  payable_kind TINYINT NOT NULL,
  payable_id BIGINT NOT NULL,
  amount BIGINT NOT NULL,
  reason VARCHAR(80) NOT NULL,
  automatic TINYINT NOT NULL,
  state TINYINT NOT NULL,
  provider_refund_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (refund_id),
  UNIQUE KEY refund_no (refund_no),
  KEY by_attempt (attempt_id),
  KEY by_payable (payable_kind, payable_id, refund_id),
  CHECK (amount > 0),
  CHECK (state IN (1, 2, 3, 4))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
