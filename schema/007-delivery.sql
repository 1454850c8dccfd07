-- Where an order goes, what its buyer remarked, and how it was sent.

ALTER TABLE orders
  ADD COLUMN consignee_name VARCHAR(100) NULL,
  ADD COLUMN consignee_phone VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NULL,
  ADD COLUMN consignee_address VARCHAR(500) NULL,
  ADD COLUMN remark VARCHAR(500) NULL,
  ADD COLUMN carrier VARCHAR(50) NULL,
  ADD COLUMN tracking_no VARCHAR(64) NULL;
