-- Payment attempts, what providers told us, and work that is due later.

-- payable_kind: 1 shop order. channel: 1 WeChat Pay JSAPI.
-- state: 0 open, 1 closed, 2 granted, 3 granted late, 4 refund due
CREATE TABLE payment_attempts (
  attempt_id BIGINT NOT NULL AUTO_INCREMENT,
  payable_kind TINYINT NOT NULL,
  payable_id BIGINT NOT NULL,
  user_id BIGINT NOT NULL,
  channel TINYINT NOT NULL,
  out_trade_no VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  amount BIGINT NOT NULL,
  -- the request as it was first sent: a repeat is byte-equal
  request TEXT NOT NULL,
  prepay_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  state TINYINT NOT NULL,
  -- payable_id while open: the provider never holds two payable orders of one payable
  open_payable_id BIGINT NULL,
  -- set when the attempt is settled, never by an orphan
  transaction_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  reason VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  expires_at BIGINT NOT NULL,
  queried_at BIGINT NOT NULL DEFAULT 0,
  paid_at BIGINT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (attempt_id),
  UNIQUE KEY out_trade_no (out_trade_no),
  UNIQUE KEY one_open (payable_kind, open_payable_id),
  UNIQUE KEY transaction_id (channel, transaction_id),
  KEY by_payable (payable_kind, payable_id),
  KEY by_state (state),
  CHECK (amount > 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- verdict: 1 granted, 2 granted late, 3 refund due, 4 a repeat, 5 nothing to do, 6 orphan
CREATE TABLE payment_events (
  event_no BIGINT NOT NULL AUTO_INCREMENT,
  channel TINYINT NOT NULL,
  event_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  verdict TINYINT NOT NULL,
  reason VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  out_trade_no VARCHAR(64) NULL,
  transaction_id VARCHAR(64) NULL,
  amount BIGINT NULL,
  serial VARCHAR(64) NULL,
  body MEDIUMBLOB NOT NULL,
  copies BIGINT NOT NULL DEFAULT 1,
  received_at BIGINT NOT NULL,
  judged_at BIGINT NOT NULL,
  PRIMARY KEY (event_no),
  UNIQUE KEY event_id (channel, event_id),
  KEY by_verdict (verdict)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- kind: 1 follow a payment attempt until it is settled or closed
CREATE TABLE outbox (
  outbox_id BIGINT NOT NULL AUTO_INCREMENT,
  kind TINYINT NOT NULL,
  ref_id BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  tries BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (outbox_id),
  UNIQUE KEY ref (kind, ref_id),
  KEY by_due (due_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- one row per caller, route and key; written in the operation's own transaction, kept 24 hours
CREATE TABLE idempotency_keys (
  caller VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  route VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  idempotency_key VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  body_sha256 BINARY(32) NOT NULL,
  resource_id BIGINT NOT NULL,
  status SMALLINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (caller, route, idempotency_key),
  KEY by_age (created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
