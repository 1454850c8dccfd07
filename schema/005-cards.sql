-- Stored-value cards and their ledger.

-- status: 1 in use, 0 disabled. A user has one live card: live_user_id is its user until it is deleted.
CREATE TABLE cards (
  card_id BIGINT NOT NULL AUTO_INCREMENT,
  user_id BIGINT NOT NULL,
  live_user_id BIGINT NULL,
  card_number CHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  balance BIGINT NOT NULL,
  status TINYINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  deleted_at BIGINT NULL,
  PRIMARY KEY (card_id),
  UNIQUE KEY live_user_id (live_user_id),
  UNIQUE KEY card_number (card_number),
  KEY by_user (user_id, card_id),
  KEY by_status (status, card_id),
  CHECK (balance >= 0),
  CHECK (status IN (0, 1))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- append-only and signed; a card's balance is the sum of its rows
-- type: 1 top-up, 2 spend, 3 refund, 4 adjustment. attempt_id: the payment that it was spent on or came back from.
CREATE TABLE card_transactions (
  transaction_id BIGINT NOT NULL AUTO_INCREMENT,
  card_id BIGINT NOT NULL,
  type TINYINT NOT NULL,
  amount BIGINT NOT NULL,
  balance_after BIGINT NOT NULL,
  description VARCHAR(500) NULL,
  attempt_id BIGINT NULL,
  -- who did it: staff, or the owner who paid
  actor_user_id BIGINT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (transaction_id),
  KEY by_card (card_id, transaction_id),
  KEY by_attempt (attempt_id),
  CHECK (type IN (1, 2, 3, 4)),
  CHECK (amount <> 0),
  CHECK (balance_after >= 0)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
