-- Points of members: lots that expire, an append-only ledger, and points held for orders not yet paid.

-- kept figures: balance is the sum of the ledger, and of the lots less the debt. frozen: held. total_earned: earned less
-- taken back; total_used: used less returned
CREATE TABLE point_accounts (
  member_id BIGINT NOT NULL,
  balance BIGINT NOT NULL,
  frozen BIGINT NOT NULL,
  debt BIGINT NOT NULL,
  total_earned BIGINT NOT NULL,
  total_used BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (member_id),
  CHECK (frozen >= 0),
  CHECK (debt >= 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- unspent: what is left, including what is held. open_member_id: while something is left. due_at: while something expires
CREATE TABLE point_lots (
  lot_id BIGINT NOT NULL AUTO_INCREMENT,
  member_id BIGINT NOT NULL,
  unspent BIGINT NOT NULL,
  held BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  open_member_id BIGINT GENERATED ALWAYS AS (IF(unspent > 0, member_id, NULL)) STORED,
  due_at BIGINT GENERATED ALWAYS AS (IF(unspent > held, expires_at, NULL)) STORED,
  PRIMARY KEY (lot_id),
  KEY by_member (member_id, lot_id),
  KEY by_open (open_member_id, expires_at, lot_id),
  KEY by_due (due_at),
  CHECK (held >= 0),
  CHECK (unspent >= held)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- the ledger: append-only and signed. type: 1 earned, 2 used, 3 expired, 4 returned, 5 taken back, 6 a debt covered by released points.
-- debt: the change of it; points = the changes of lots - debt. once: TRUE where there is one row of its type and reference.
-- lot_id: that was earned. of_entry_id: what is returned or taken back. actor_user_id, token_id: who did it, if not the shop
CREATE TABLE point_entries (
  entry_id BIGINT NOT NULL AUTO_INCREMENT,
  transaction_id VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  member_id BIGINT NOT NULL,
  type TINYINT NOT NULL,
  points BIGINT NOT NULL,
  debt BIGINT NOT NULL,
  balance_after BIGINT NOT NULL,
  reference_type VARCHAR(50) CHARACTER SET ascii COLLATE ascii_bin NULL,
  reference_id VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NULL,
  once TINYINT NULL,
  description VARCHAR(500) NULL,
  lot_id BIGINT NULL,
  of_entry_id BIGINT NULL,
  actor_user_id BIGINT NULL,
  token_id BIGINT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (entry_id),
  UNIQUE KEY transaction_id (transaction_id),
  UNIQUE KEY source (reference_type, reference_id, type, once),
  KEY by_member (member_id, entry_id),
  KEY by_time (member_id, created_at, entry_id),
  KEY by_type (member_id, type, created_at, entry_id),
  KEY by_origin (of_entry_id),
  CHECK (type BETWEEN 1 AND 6),
  CHECK (SIGN(points) = CASE WHEN type IN (1, 4) THEN 1 WHEN type = 6 THEN 0 ELSE -1 END),
  CHECK (once = 1),
  CHECK (once IS NULL OR (reference_type IS NOT NULL AND reference_id IS NOT NULL)),
  CHECK ((type IN (4, 5)) = (of_entry_id IS NOT NULL)),
  CHECK ((type = 1) = (lot_id IS NOT NULL))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- what a row of the ledger changed of the lots; place: the order in which they were taken
CREATE TABLE point_entry_lots (
  entry_id BIGINT NOT NULL,
  lot_id BIGINT NOT NULL,
  place BIGINT NOT NULL,
  points BIGINT NOT NULL,
  PRIMARY KEY (entry_id, lot_id),
  KEY by_lot (lot_id, entry_id),
  CHECK (points <> 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- state: 1 held, 2 posted (as entry_id), 3 released. live: TRUE until it is released; a reference has one live hold
CREATE TABLE point_holds (
  hold_id BIGINT NOT NULL AUTO_INCREMENT,
  member_id BIGINT NOT NULL,
  reference_type VARCHAR(50) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  reference_id VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  live TINYINT NULL,
  state TINYINT NOT NULL,
  points BIGINT NOT NULL,
  entry_id BIGINT NULL,
  created_at BIGINT NOT NULL,
  ended_at BIGINT NULL,
  PRIMARY KEY (hold_id),
  UNIQUE KEY reference (reference_type, reference_id, live),
  KEY by_member (member_id, state),
  CHECK (state BETWEEN 1 AND 3),
  CHECK (live = 1),
  CHECK ((state = 3) = (live IS NULL)),
  CHECK ((state = 2) = (entry_id IS NOT NULL)),
  CHECK ((state = 1) = (ended_at IS NULL)),
  CHECK (points > 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE point_hold_lots (
  hold_id BIGINT NOT NULL,
  lot_id BIGINT NOT NULL,
  place BIGINT NOT NULL,
  points BIGINT NOT NULL,
  PRIMARY KEY (hold_id, lot_id),
  KEY by_lot (lot_id, hold_id),
  CHECK (points > 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
