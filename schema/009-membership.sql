-- VIP membership: what can be bought, who bought it, and what it entitles to.

CREATE TABLE plans (
  id BIGINT NOT NULL AUTO_INCREMENT,
  name VARCHAR(100) NOT NULL,
  price BIGINT NOT NULL,
  original_price BIGINT NULL,
  duration_days BIGINT NOT NULL,
  level BIGINT NOT NULL,
  is_active TINYINT NOT NULL,
  description TEXT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (id),
  KEY by_active (is_active, id),
  CHECK (price > 0),
  CHECK (original_price IS NULL OR original_price > 0),
  CHECK (duration_days BETWEEN 1 AND 3660),
  CHECK (level BETWEEN 1 AND 999)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- status: 0 pending, 1 paid, 2 cancelled, 3 expired, 4 refunding, 5 refunded
-- kind: 1 new, 2 renewal, 3 upgrade; as quoted, and once paid as granted
-- paid_by: 0 nobody, 1 a provider or the card, 2 the simulated payment, 3 nothing was due, 4 a gift (plan_id NULL)
-- price, plan_days: the plan's, at the quote. days, value: what the order is quoted with, or granted with
CREATE TABLE membership_orders (
  id BIGINT NOT NULL AUTO_INCREMENT,
  order_no VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  user_id BIGINT NOT NULL,
  plan_id BIGINT NULL,
  plan_name VARCHAR(100) NOT NULL,
  kind TINYINT NOT NULL,
  level BIGINT NOT NULL,
  price BIGINT NOT NULL,
  plan_days BIGINT NOT NULL,
  discount BIGINT NOT NULL,
  amount BIGINT NOT NULL,
  days BIGINT NOT NULL,
  value BIGINT NOT NULL,
  -- the number of the last change of the user's segments before the quote
  quote_version BIGINT NOT NULL,
  status TINYINT NOT NULL,
  -- user_id while pending: a user has one pending order
  pending_user_id BIGINT NULL,
  paid_by TINYINT NOT NULL DEFAULT 0,
  payment_method VARCHAR(50) NULL,
  payment_id VARCHAR(64) NULL,
  expires_at BIGINT NOT NULL,
  paid_at BIGINT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY order_no (order_no),
  UNIQUE KEY pending_user_id (pending_user_id),
  KEY by_user (user_id, id),
  KEY by_user_status (user_id, status, id),
  KEY by_status (status, id),
  KEY by_deadline (status, expires_at),
  KEY by_plan (plan_id),
  CHECK (amount >= 0),
  CHECK (discount >= 0),
  CHECK (status BETWEEN 0 AND 5),
  CHECK ((status = 0) = (pending_user_id IS NOT NULL))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- version: counts the changes of a user's segments
CREATE TABLE entitlements (
  user_id BIGINT NOT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (user_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- one row a granted order. Moments are seconds. state: 1 active, 2 folded into an upgrade, 3 refunded
CREATE TABLE entitlement_segments (
  order_id BIGINT NOT NULL,
  user_id BIGINT NOT NULL,
  kind TINYINT NOT NULL,
  level BIGINT NOT NULL,
  state TINYINT NOT NULL,
  chain BIGINT NOT NULL,
  start_s BIGINT NOT NULL,
  days BIGINT NOT NULL,
  value BIGINT NOT NULL,
  cash BIGINT NOT NULL,
  folded_by BIGINT NOT NULL,
  cut_s BIGINT NOT NULL,
  taken_s BIGINT NOT NULL,
  granted_s BIGINT NOT NULL,
  granted_version BIGINT NOT NULL,
  refunded_s BIGINT NOT NULL,
  refunded_version BIGINT NOT NULL,
  PRIMARY KEY (order_id),
  UNIQUE KEY by_user (user_id, granted_version),
  CHECK (days > 0),
  CHECK (state IN (1, 2, 3)),
  CHECK ((state = 2) = (folded_by <> 0)),
  CHECK ((state = 3) = (refunded_version <> 0))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
