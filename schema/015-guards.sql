-- What guards a rule is written by whoever relies on the rule: a lock alone holds on one node of a Galera cluster only.

-- a rule about many rows at once; lib/shop/guard.h names them
CREATE TABLE guards (
  name VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

INSERT INTO guards (name, version) VALUES ('administrators', 0), ('categories', 0);

-- holds: counts the transactions that needed the row to stay as it is
ALTER TABLE users ADD COLUMN holds BIGINT NOT NULL DEFAULT 0;

ALTER TABLE plans ADD COLUMN holds BIGINT NOT NULL DEFAULT 0;
