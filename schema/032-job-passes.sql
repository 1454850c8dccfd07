-- When `minimall jobs` was last through, for `minimall doctor`.

-- one row. in_trouble: the kinds of work of that pass in which something failed
CREATE TABLE job_passes (
  id TINYINT NOT NULL,
  ended_at BIGINT NULL,
  in_trouble BIGINT NOT NULL,
  PRIMARY KEY (id),
  CHECK (id = 1)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

INSERT INTO job_passes (id, ended_at, in_trouble) VALUES (1, NULL, 0);
