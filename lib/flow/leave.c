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

	TRY(user_lock_to_delete_tx(c, id));
	/* locked first: what is just being paid for, from the card or otherwise, is seen then */
	TRY(card_delete_of_user_tx(c, id));
	TRY(membership_leave_user_tx(c, id));
	TRY(order_leave_user_tx(c, id));
	TRY(payment_forget_user_tx(c, id));
	return user_delete_tx(c, id);
}

enum err leave(struct ctx *c, int64_t user_id)
{
	return db_tx(c, leave_tx, &user_id);
}
