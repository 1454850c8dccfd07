-- Refunds are listed for the staff, and automatic ones that came to nothing are looked for by every pass of jobs.

ALTER TABLE refunds
  ADD KEY by_state (state, refund_id),
  ADD KEY by_outcome (automatic, state, attempt_id);
