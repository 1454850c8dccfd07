-- Telephone numbers are compared by one form (E.164, see lib/base/phone.h), and shown as they were entered.

ALTER TABLE users
  ADD COLUMN phone_e164 VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NULL AFTER phone;

UPDATE users SET phone_e164 = CASE
  WHEN phone LIKE '+860%' THEN CONCAT('+86', SUBSTRING(phone, 5))
  WHEN phone LIKE '+%' THEN phone
  WHEN phone LIKE '00860%' THEN CONCAT('+86', SUBSTRING(phone, 6))
  WHEN phone LIKE '00%' THEN CONCAT('+', SUBSTRING(phone, 3))
  WHEN phone LIKE '861%' AND LENGTH(phone) = 13 THEN CONCAT('+', phone)
  WHEN phone LIKE '0%' THEN CONCAT('+86', SUBSTRING(phone, 2))
  ELSE CONCAT('+86', phone) END
WHERE phone IS NOT NULL;

-- one number in two spellings, with two users: the account that can sign in with it (the older one of two) does, the other
-- one keeps it to be shown
UPDATE users u
  JOIN (SELECT phone_e164, COALESCE(MIN(CASE WHEN password_hash IS NOT NULL THEN user_id END), MIN(user_id)) AS user_id
    FROM users WHERE phone_e164 IS NOT NULL GROUP BY phone_e164) first
    ON first.phone_e164 = u.phone_e164 AND first.user_id <> u.user_id
SET u.phone_e164 = NULL;

ALTER TABLE users ADD UNIQUE KEY phone_e164 (phone_e164), DROP KEY phone;

-- an extension may be part of a consignee's number: 021-22223333转801
ALTER TABLE orders MODIFY consignee_phone VARCHAR(30) NULL;
