-- Money that needs a person: attempts are listed, orphans are resolved, and refunds say why they wait.

-- payable_no: order_id of a shop order, order_no of a membership order, as in refunds; neither ever changes
ALTER TABLE payment_attempts
  ADD COLUMN payable_no VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '' AFTER payable_id;

UPDATE payment_attempts a JOIN orders o ON o.id = a.payable_id SET a.payable_no = o.order_no WHERE a.payable_kind = 1;

UPDATE payment_attempts a JOIN membership_orders m ON m.id = a.payable_id SET a.payable_no = m.order_no WHERE a.payable_kind = 2;

ALTER TABLE payment_attempts
  DROP KEY by_state,
  ADD KEY by_state (state, created_at),
  ADD KEY by_time (created_at),
  ADD KEY by_provider (provider, created_at),
  ADD KEY by_provider_state (provider, state, created_at),
  ADD KEY by_number (payable_no, created_at),
  ADD KEY by_hold (held_at);

-- resolved: 1: an administrator has looked into it, and says in `note` what became of it
ALTER TABLE payment_events
  ADD COLUMN resolved TINYINT NOT NULL DEFAULT 0,
  ADD COLUMN note VARCHAR(500) NULL,
  ADD COLUMN resolved_at BIGINT NULL,
  ADD COLUMN resolved_by BIGINT NULL,
  DROP KEY by_verdict,
  ADD KEY by_verdict (verdict, received_at),
  ADD KEY by_resolution (verdict, resolved, received_at),
  ADD KEY by_trade (out_trade_no),
  ADD CHECK ((resolved = 1) = (resolved_at IS NOT NULL));

-- attention: why it waits for a person: 0 it doesn't, 1 the payer's account can't receive it, 2 its provider can't be told to
-- refund, 3 no result for a day, 4 refused for good
ALTER TABLE refunds
  ADD COLUMN attention TINYINT NOT NULL DEFAULT 0,
  ADD KEY by_attention (attention, refund_id);

UPDATE refunds SET attention = 1 WHERE state = 4;

UPDATE refunds r JOIN payment_attempts a ON a.attempt_id = r.attempt_id SET r.attention = 2 WHERE r.state = 1 AND a.provider = 7;
