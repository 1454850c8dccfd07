-- WeChat Pay's platform certificates, sealed with the APIv3 key as they came, and when the list is fetched next.

CREATE TABLE platform_certificates (
  serial VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  nonce VARCHAR(64) NOT NULL,
  associated_data VARCHAR(64) NOT NULL,
  ciphertext TEXT NOT NULL,
  effective_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (serial),
  KEY by_expiry (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- one row. tried_at: a list is fetched at most once in five minutes, whoever asks for it
CREATE TABLE certificate_refresh (
  id TINYINT NOT NULL,
  due_at BIGINT NOT NULL,
  tried_at BIGINT NOT NULL,
  PRIMARY KEY (id),
  CHECK (id = 1)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

INSERT INTO certificate_refresh (id, due_at, tried_at) VALUES (1, 0, 0);
