-- What a shop order costs less than its lines: the discount of its buyer's level, and the part paid with points.

-- total_amount: what is paid in cash: the lines' total_price, less discount_amount, less points_amount.
-- rewarded: its payment is part of its buyer's total_spent, and earned points; not of one paid by an earlier version
ALTER TABLE orders
  ADD COLUMN discount_amount BIGINT NOT NULL DEFAULT 0 AFTER total_amount,
  ADD COLUMN points_used BIGINT NOT NULL DEFAULT 0 AFTER discount_amount,
  ADD COLUMN points_amount BIGINT NOT NULL DEFAULT 0 AFTER points_used,
  ADD COLUMN rewarded TINYINT NOT NULL DEFAULT 0 AFTER stock_held,
  ADD CHECK (discount_amount >= 0),
  ADD CHECK (points_used >= 0 AND points_amount >= 0),
  ADD CHECK (points_used > 0 OR points_amount = 0);

-- discount_amount: its share of the order's; they add up to it
ALTER TABLE order_items
  ADD COLUMN discount_amount BIGINT NOT NULL DEFAULT 0 AFTER total_price,
  ADD CHECK (discount_amount BETWEEN 0 AND total_price);

-- orders paid until now: they are part of total_spent, and earned nothing
UPDATE orders SET rewarded = 1 WHERE status IN (1, 2, 3, 5);

UPDATE members m
  JOIN (SELECT o.user_id, SUM(o.total_amount - COALESCE(r.gone, 0)) AS spent FROM orders o
    LEFT JOIN (SELECT r.payable_id, SUM(r.amount) AS gone FROM refunds r JOIN payment_attempts a ON a.attempt_id = r.attempt_id AND a.state IN (2, 3)
      WHERE r.payable_kind = 1 AND r.state = 2 AND r.automatic = 0 GROUP BY r.payable_id) r ON r.payable_id = o.id
    WHERE o.status IN (1, 2, 3) GROUP BY o.user_id) s ON s.user_id = m.user_id
  SET m.total_spent = s.spent;
