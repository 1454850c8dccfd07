-- Where a client wants to be told how its payment ended, and those notifications.

-- notify_url: of the client; the last one that it named
ALTER TABLE payment_attempts ADD COLUMN notify_url VARCHAR(500) NULL;

-- url: of a notification for a client (webhook_id 0), which no webhook was registered for
ALTER TABLE webhook_deliveries
  ADD COLUMN url VARCHAR(500) NULL AFTER webhook_id,
  ADD CHECK ((webhook_id = 0) = (url IS NOT NULL));
