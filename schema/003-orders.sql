-- Shop orders and their lines.

-- status: 0 pending, 1 paid, 2 shipped, 3 completed, 4 cancelled, 5 refunded
-- paid_by: 0 nobody, 1 a provider, 2 offline (an administrator's word), 3 nothing was due
-- stock_held: 1 while the lines' quantities are taken from the products
CREATE TABLE orders (
  id BIGINT NOT NULL AUTO_INCREMENT,
  order_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  user_id BIGINT NOT NULL,
  total_amount BIGINT NOT NULL,
  status TINYINT NOT NULL,
  payment_method VARCHAR(50) NULL,
  payment_id VARCHAR(64) NULL,
  paid_by TINYINT NOT NULL DEFAULT 0,
  stock_held TINYINT NOT NULL,
  expires_at BIGINT NOT NULL,
  paid_at BIGINT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  deleted_at BIGINT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY order_id (order_id),
  KEY by_time (created_at, id),
  KEY by_user (user_id, created_at, id),
  KEY by_status (status, created_at, id),
  KEY by_user_status (user_id, status, created_at, id),
  KEY by_deadline (status, expires_at),
  CHECK (total_amount >= 0),
  CHECK (status BETWEEN 0 AND 5),
  CHECK (paid_by BETWEEN 0 AND 3)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- name and unit_price are those of the moment of ordering
CREATE TABLE order_items (
  order_item_id BIGINT NOT NULL AUTO_INCREMENT,
  order_id BIGINT NOT NULL,
  product_id BIGINT NOT NULL,
  name VARCHAR(100) NOT NULL,
  quantity BIGINT NOT NULL,
  unit_price BIGINT NOT NULL,
  total_price BIGINT NOT NULL,
  PRIMARY KEY (order_item_id),
  UNIQUE KEY by_order (order_id, product_id),
  CHECK (quantity > 0),
  CHECK (total_price = unit_price * quantity)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
