-- Outgoing notifications: where they go, and each of them with the bytes that are sent at every attempt.

-- types: names between commas; NULL: all. status: 0 disabled, 1 enabled, 2 switched off, for `reason`.
-- secret: whsec_ and Base64, needed to sign; the one before it is valid too for a while
CREATE TABLE webhooks (
  webhook_id BIGINT NOT NULL AUTO_INCREMENT,
  url VARCHAR(500) NOT NULL,
  types VARCHAR(500) CHARACTER SET ascii COLLATE ascii_bin NULL,
  status TINYINT NOT NULL,
  reason VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NULL,
  secret VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  old_secret VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NULL,
  old_secret_until BIGINT NULL,
  -- since when no attempt has succeeded
  failing_since BIGINT NULL,
  -- nothing is sent before that
  held_until BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  deleted_at BIGINT NULL,
  PRIMARY KEY (webhook_id),
  KEY by_status (status),
  CHECK (status BETWEEN 0 AND 2),
  CHECK ((status = 2) = (reason IS NOT NULL)),
  CHECK (deleted_at IS NULL OR status <> 1)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- status: 0 pending, 1 delivered, 2 failed. message_id: the same for all webhooks that are notified of one event.
-- due_at: when it is tried next, while it is pending
CREATE TABLE webhook_deliveries (
  delivery_id BIGINT NOT NULL AUTO_INCREMENT,
  webhook_id BIGINT NOT NULL,
  message_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  type VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  body TEXT NOT NULL,
  status TINYINT NOT NULL,
  tries BIGINT NOT NULL,
  answer_status BIGINT NULL,
  error VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NULL,
  due_at BIGINT NULL,
  tried_at BIGINT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (delivery_id),
  KEY by_webhook (webhook_id, delivery_id),
  KEY by_status (webhook_id, status, delivery_id),
  KEY by_due (webhook_id, status, due_at),
  KEY by_time (created_at),
  CHECK (status BETWEEN 0 AND 2),
  CHECK ((status = 0) = (due_at IS NOT NULL))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

INSERT INTO guards (name, version) VALUES ('webhooks', 0);

-- the end of a user's membership, until webhooks were notified of it; outbox.kind 7: that failed, and is postponed
ALTER TABLE entitlements ADD COLUMN ends_at BIGINT NULL, ADD KEY by_end (ends_at);

UPDATE entitlements e SET e.ends_at = (SELECT MAX(s.start_s + s.days * 86400) * 1000 FROM entitlement_segments s
  WHERE s.user_id = e.user_id AND s.state = 1);
