-- What was sent to providers for a user who is deleted is found and forgotten. What is due of one kind is found among its own.

ALTER TABLE payment_attempts ADD KEY by_user (user_id, attempt_id);

ALTER TABLE outbox DROP KEY by_due, ADD KEY by_due (kind, due_at, outbox_id);
