#include "flow/leave.h"

#include "ext/db.h"
#include "shop/card.h"
#include "shop/membership.h"
#include "shop/order.h"
#include "shop/payment.h"
#include "shop/user.h"

static enum err leave_tx(struct ctx *c, void *arg)
{
	const int64_t id = *(const int64_t *)arg;
	bool busy;

	TRY(user_lock_to_delete_tx(c, id));
	/* the card is locked first: what it is just paying for is seen then */
	TRY(card_delete_of_user_tx(c, id));
	TRY(membership_leave_user_tx(c, id));
	/* likewise what is just being paid for: it is an order to be delivered then */
	TRY(order_leave_user_tx(c, id));
	TRY(order_user_is_busy(c, id, &busy));
	if (busy)
		return fail(c, ERR_USER_IN_USE, NULL);
	TRY(order_forget_user_tx(c, id));
	TRY(payment_forget_user_tx(c, id));
	return user_delete_tx(c, id);
}

enum err leave(struct ctx *c, int64_t user_id)
{
	return db_tx(c, leave_tx, &user_id);
}
