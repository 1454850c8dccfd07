-- A provider has several channels: a transaction is of one attempt, whichever of them it used.

-- provider: the first of its provider's channels, as in payment_events; the card's is its own
ALTER TABLE payment_attempts ADD COLUMN provider TINYINT NOT NULL DEFAULT 0 AFTER channel;

UPDATE payment_attempts SET provider = channel;

ALTER TABLE payment_attempts
  ALTER COLUMN provider DROP DEFAULT,
  DROP KEY transaction_id,
  ADD UNIQUE KEY transaction_id (provider, transaction_id);
