-- What is due by a row of its own and failed is put off in the outbox, as all other work is. outbox.kind 4: the time-out of an
-- order, 5: that of a membership order, 6: the refund that a payment lacks (of an attempt).

DROP TABLE backoffs;
