-- A refund keeps the number of what it was paid for, so that it is listed without a look at every kind of order.

-- payable_no: order_id of a shop order, order_no of a membership order; neither ever changes
ALTER TABLE refunds
  ADD COLUMN payable_no VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '' AFTER payable_id;

UPDATE refunds r JOIN orders o ON o.id = r.payable_id SET r.payable_no = o.order_id WHERE r.payable_kind = 1;

UPDATE refunds r JOIN membership_orders m ON m.id = r.payable_id SET r.payable_no = m.order_no WHERE r.payable_kind = 2;

ALTER TABLE refunds ADD KEY by_number (payable_no, refund_id);
