-- Users, members, sessions, service tokens, and the journal of what staff did.
-- Everywhere: times are ms since 1970 UTC in BIGINT, amounts are fen in BIGINT.

CREATE TABLE users (
  user_id BIGINT NOT NULL AUTO_INCREMENT,
  openid VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  nickname VARCHAR(100) NOT NULL,
  avatar_url VARCHAR(500) NULL,
  gender TINYINT NULL,
  phone VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NULL,
  email VARCHAR(254) CHARACTER SET ascii COLLATE ascii_bin NULL,
  password_hash VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NULL,
  permission_level TINYINT NOT NULL DEFAULT 0,
  -- a session is good only while it carries the version of its user
  token_version BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  deleted_at BIGINT NULL,
  PRIMARY KEY (user_id),
  UNIQUE KEY openid (openid),
  UNIQUE KEY phone (phone),
  UNIQUE KEY email (email),
  KEY by_level (permission_level, user_id),
  CHECK (permission_level IN (0, 1))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE members (
  member_id BIGINT NOT NULL AUTO_INCREMENT,
  user_id BIGINT NOT NULL,
  member_code VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  joined_at BIGINT NOT NULL,
  last_active_at BIGINT NOT NULL,
  PRIMARY KEY (member_id),
  UNIQUE KEY user_id (user_id),
  UNIQUE KEY member_code (member_code)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- the last number given out for member codes of a day in the shop's zone
CREATE TABLE member_days (
  day CHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  last_no BIGINT NOT NULL,
  PRIMARY KEY (day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE sessions (
  session_id BIGINT NOT NULL AUTO_INCREMENT,
  user_id BIGINT NOT NULL,
  token_version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  ended_at BIGINT NULL,
  PRIMARY KEY (session_id),
  KEY by_user (user_id),
  KEY by_expiry (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- used ones are kept until they expire: their reuse revokes the session
CREATE TABLE refresh_tokens (
  token_sha256 BINARY(32) NOT NULL,
  session_id BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT NULL,
  PRIMARY KEY (token_sha256),
  KEY by_expiry (expires_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE service_tokens (
  token_id BIGINT NOT NULL AUTO_INCREMENT,
  name VARCHAR(100) NOT NULL,
  token_sha256 BINARY(32) NOT NULL,
  created_at BIGINT NOT NULL,
  revoked_at BIGINT NULL,
  PRIMARY KEY (token_id),
  UNIQUE KEY token_sha256 (token_sha256)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- append-only: what an administrator or the command did that the data alone doesn't tell
CREATE TABLE journal (
  entry_id BIGINT NOT NULL AUTO_INCREMENT,
  at BIGINT NOT NULL,
  actor_user_id BIGINT NULL,
  action VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  subject VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  detail VARCHAR(500) NULL,
  PRIMARY KEY (entry_id),
  KEY by_subject (subject)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
