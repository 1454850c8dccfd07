-- Loyalty: levels, what is kept of a member, what staff did with one, and kept figures.

-- discount_permille: what of a price is paid. benefits: one a line
CREATE TABLE member_levels (
  level_id BIGINT NOT NULL,
  name VARCHAR(100) NOT NULL,
  min_points BIGINT NOT NULL,
  discount_permille BIGINT NOT NULL,
  benefits VARCHAR(1000) NOT NULL,
  PRIMARY KEY (level_id),
  UNIQUE KEY min_points (min_points),
  CHECK (min_points >= 0),
  CHECK (discount_permille BETWEEN 1 AND 1000)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

INSERT INTO member_levels (level_id, name, min_points, discount_permille, benefits) VALUES
  (1, '铜牌会员', 0, 1000, '基础客服\n生日祝福'),
  (2, '银牌会员', 1000, 950, '优先客服\n生日折扣\n免邮特权'),
  (3, '金牌会员', 5000, 920, '专属客服\n生日折扣\n免邮特权\n新品优先购'),
  (4, '钻石会员', 20000, 880, '专属客服\n生日礼包\n免邮特权\n新品优先购\n专享活动');

-- status: 0 frozen, 1 active, 2 closed, as is its user. birthday: yyyy-mm-dd.
-- level_id: the higher of earned_level_id, which follows the points earned, and manual_level_id.
-- total_spent: what paid orders cost, less what was refunded.
-- active_day: yyyymmdd of last_active_at in the shop's zone, as counted. counted: it is in member_counts.
-- holds: counts the transactions that needed the row to stay as it is
ALTER TABLE members
  ADD COLUMN status TINYINT NOT NULL DEFAULT 1,
  ADD COLUMN birthday CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NULL,
  ADD COLUMN newsletter TINYINT NOT NULL DEFAULT 0,
  ADD COLUMN sms_notification TINYINT NOT NULL DEFAULT 0,
  ADD COLUMN promotion_notification TINYINT NOT NULL DEFAULT 0,
  ADD COLUMN level_id BIGINT NOT NULL DEFAULT 1,
  ADD COLUMN earned_level_id BIGINT NOT NULL DEFAULT 1,
  ADD COLUMN manual_level_id BIGINT NULL,
  ADD COLUMN manual_reason VARCHAR(500) NULL,
  ADD COLUMN manual_by BIGINT NULL,
  ADD COLUMN manual_at BIGINT NULL,
  ADD COLUMN total_spent BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN active_day BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN counted TINYINT NOT NULL DEFAULT 0,
  ADD COLUMN holds BIGINT NOT NULL DEFAULT 0,
  ADD KEY by_status (status, member_id),
  ADD KEY by_level (level_id, member_id),
  ADD KEY by_level_status (level_id, status, member_id),
  ADD KEY by_counted (counted, member_id),
  ADD CHECK (status BETWEEN 0 AND 2),
  ADD CHECK ((manual_level_id IS NULL) = (manual_at IS NULL));

-- operator_kind: 1 an administrator, 2 another system, 3 the command; operator_id: the user, or the service token
CREATE TABLE member_log (
  log_id BIGINT NOT NULL AUTO_INCREMENT,
  member_id BIGINT NOT NULL,
  action VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  old_value VARCHAR(100) NULL,
  new_value VARCHAR(100) NULL,
  reason VARCHAR(500) NULL,
  operator_kind TINYINT NOT NULL,
  operator_id BIGINT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (log_id),
  KEY by_member (member_id, log_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Kept figures, each the sum of its shards, so that changes of different members don't wait for one row.
-- figure: 1 members of the level `subject`, 2 members last active on the day `subject`, 3 points earned, 4 points used.
-- Closed members are counted in 3 and 4 alone.
CREATE TABLE member_counts (
  figure TINYINT NOT NULL,
  subject BIGINT NOT NULL,
  shard BIGINT NOT NULL,
  n BIGINT NOT NULL,
  PRIMARY KEY (figure, subject, shard)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

UPDATE members m JOIN users u ON u.user_id = m.user_id SET m.status = 2 WHERE u.deleted_at IS NOT NULL;

-- the day in the default zone. Members whom the previous version adds from here on are counted by jobs
UPDATE members SET counted = 1,
  active_day = DATE_FORMAT(DATE_ADD('1970-01-01', INTERVAL (last_active_at DIV 1000 + 28800) SECOND), '%Y%m%d') + 0;

INSERT INTO member_counts (figure, subject, shard, n)
  SELECT 1, 1, m.shard, COUNT(*) FROM (SELECT member_id % 16 AS shard FROM members WHERE counted = 1 AND status <> 2) m GROUP BY m.shard;

INSERT INTO member_counts (figure, subject, shard, n)
  SELECT 2, m.active_day, m.shard, COUNT(*) FROM (SELECT active_day, member_id % 16 AS shard FROM members WHERE counted = 1 AND status <> 2) m
  GROUP BY m.active_day, m.shard;
