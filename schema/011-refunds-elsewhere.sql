-- Money that went back without us: refunds made in the provider's merchant console.
-- With them: payment_events.verdict 8, of a payment that waits until it is known how much of it went back.

-- held_at: since when the provider says, before this was settled, that something of it went back
ALTER TABLE payment_attempts
  ADD COLUMN held_at BIGINT NULL;

-- origin: 0 asked for by us, 1 made elsewhere, with a number of the provider's own
ALTER TABLE refunds
  ADD COLUMN origin TINYINT NOT NULL DEFAULT 0;

-- what was closed for such an answer before this column came must not be granted by a late notification either
UPDATE payment_attempts SET held_at = updated_at WHERE state = 1 AND out_trade_no IN
  (SELECT CONVERT(e.out_trade_no USING ascii) COLLATE ascii_bin FROM payment_events e
   WHERE e.verdict = 6 AND e.reason = 'REFUNDED_ELSEWHERE');
