-- When all that is cached in Redis becomes invalid at once (lib/ext/state.h).

-- one row. epoch: raised by an invalidation that can't reach Redis
CREATE TABLE state_epochs (
  id TINYINT NOT NULL,
  epoch BIGINT NOT NULL,
  PRIMARY KEY (id),
  CHECK (id = 1)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

INSERT INTO state_epochs (id, epoch) VALUES (1, 1);
