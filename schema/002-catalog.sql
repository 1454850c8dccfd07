-- Categories, products, and the ledger of their stock.

CREATE TABLE categories (
  category_id BIGINT NOT NULL AUTO_INCREMENT,
  name VARCHAR(100) NOT NULL,
  description TEXT NULL,
  parent_id BIGINT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  deleted_at BIGINT NULL,
  PRIMARY KEY (category_id),
  KEY by_parent (parent_id, category_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- status: 0 off the shelf, 1 on it, 2 deleted (kept for the orders that name it)
CREATE TABLE products (
  product_id BIGINT NOT NULL AUTO_INCREMENT,
  category_id BIGINT NULL,
  name VARCHAR(100) NOT NULL,
  description TEXT NULL,
  price BIGINT NOT NULL,
  stock BIGINT NOT NULL,
  image_url VARCHAR(500) NULL,
  status TINYINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (product_id),
  KEY by_status (status, product_id),
  KEY by_category (category_id, product_id),
  KEY by_category_status (category_id, status, product_id),
  CHECK (price >= 0),
  CHECK (stock >= 0),
  CHECK (status IN (0, 1, 2))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- append-only; a product's stock is the sum of its moves
-- reason: 1 set by an administrator, 2 taken by an order, 3 given back by it
CREATE TABLE stock_moves (
  move_id BIGINT NOT NULL AUTO_INCREMENT,
  product_id BIGINT NOT NULL,
  delta BIGINT NOT NULL,
  reason TINYINT NOT NULL,
  order_id BIGINT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (move_id),
  KEY by_product (product_id),
  KEY by_order (order_id, product_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
