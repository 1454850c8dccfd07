-- A shop order's number is order_no, as that of a membership order is: order_id, in its lines and in stock_moves, is the key of its row.

ALTER TABLE orders RENAME COLUMN order_id TO order_no, RENAME KEY order_id TO order_no;
