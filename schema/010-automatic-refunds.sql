-- Automatic refunds that came to nothing are tried again: every pass of jobs looks for them.

ALTER TABLE refunds
  ADD KEY by_outcome (automatic, state, attempt_id);
