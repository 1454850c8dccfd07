-- What a provider answers to a prepared payment is any provider's: a prepay_id, a code's text, an address. It may end before the attempt.

ALTER TABLE payment_attempts RENAME COLUMN prepay_id TO handle;

ALTER TABLE payment_attempts
  MODIFY handle VARCHAR(4096) CHARACTER SET ascii COLLATE ascii_bin NULL,
  -- the client is handed it until then
  ADD COLUMN handle_expires_at BIGINT NULL AFTER handle;
