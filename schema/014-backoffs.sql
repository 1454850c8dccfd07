-- What is due and failed: minimall jobs leaves it alone for a while, and goes on with the rest.

-- kind: 1 the time-out of an order, 2 that of a membership order, 3 the refund that a payment lacks
CREATE TABLE backoffs (
  kind TINYINT NOT NULL,
  ref_id BIGINT NOT NULL,
  tries BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  PRIMARY KEY (kind, ref_id),
  KEY by_due (due_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
