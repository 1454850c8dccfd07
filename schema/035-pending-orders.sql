-- How many shop orders of a user wait for payment, without reading them for each new one.

-- pending_most: at least as many as there are. Each order placed adds one, none that is paid or cancelled takes one off: they are
-- counted when it exceeds what is allowed, as for every user at first (BEHAVIOUR 65).
ALTER TABLE users
  ADD COLUMN pending_most BIGINT NOT NULL DEFAULT 1000000 AFTER holds;
