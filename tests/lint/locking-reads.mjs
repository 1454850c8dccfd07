// SPDX-License-Identifier: MIT
// Every locking read, and what the code that relies on it writes in the same transaction (BEHAVIOUR 61). A lock is local to
// one node; with two Galera nodes written to, only a row changed by both makes the later COMMIT fail (error 1213, and
// the transaction is retried). It must get a new value each time: an unchanged row is not replicated.
//
// Rules without a locking read:
//   a user who stays           user_hold_tx and user_lock_tx write users.holds; leave ends in the user's row
//   one administrator stays    guard_tx(GUARD_ADMINISTRATORS) before the others are counted
//   the category tree          guard_tx(GUARD_CATEGORIES) before a move, a deletion, and what is put into a category
//   a member's points        member_lock_tx writes members.holds before the lots and the figures are read
//   a plan that is ordered     plan_offered_tx writes plans.holds; plan_delete deletes or writes the row
//   a key is used once         the key\'s row is inserted first: a concurrent duplicate waits, or fails at COMMIT and finds it
//   one open attempt, one live card, one pending membership order: unique keys
//   jobs and claims            a row's due time is moved by an UPDATE that names the old one
export const LOCKING_READS = {
  'lib/shop/money/card.c SQL_LOCK': 'the balance moves by SQL_MOVE, the status by SQL_SET_STATUS, a deletion by SQL_DELETE',
  'lib/shop/money/card.c SQL_LOCK_OF_USER': 'the same: SQL_MOVE with a spend or refund, SQL_DELETE when its user leaves',
  'lib/shop/catalogue/category.c SQL_LOCK': 'the row itself: SQL_UPDATE or SQL_DELETE',
  'lib/shop/books/webhook.c SQL_LOCK': 'the row itself: SQL_UPDATE, SQL_ROTATE or SQL_DELETE',
  'lib/shop/membership/membership.c SQL_LOCK': 'entitlement_lock_tx wrote the user before; SQL_WRITE where the order moves',
  'lib/shop/membership/membership.c SQL_PENDING': 'the user was written before; SQL_WRITE, or the unique key of the next order',
  'lib/shop/trade/order_move.c SQL_LOCK': 'SQL_WRITE where it moves; order_touch_tx for an attempt that is opened, or a refund',
  'lib/shop/money/payment.c SQL_LOCK': 'SQL_SETTLE; payment_touch_tx for a refund that begins, or succeeds',
  'lib/shop/membership/plan.c SQL_LOCK': 'the row itself: SQL_UPDATE or SQL_DELETE',
  'lib/shop/catalogue/product.c SQL_LOCK': 'the row itself: SQL_UPDATE',
  'lib/shop/catalogue/product_stock.c SQL_LOCK_FEW': 'the stock: SQL_TAKE_FEW; where it does not follow, nothing relied on it',
  'lib/shop/catalogue/product_stock.c SQL_LOCK_LINES': 'the same: SQL_TAKE_LINES',
  'lib/shop/money/refund.c SQL_LOCK': 'its state: SQL_SET, and the attempt that guards the sum',
  'lib/shop/people/user.c SQL_LOCK': 'the row itself: SQL_UPDATE or SQL_DELETE',
};
