/* SPDX-License-Identifier: MIT */
/*
 * order_sql.h - the columns of an order, for order.c and order_view.c only.
 */
#ifndef SHOP_TRADE_ORDER_SQL_H
#define SHOP_TRADE_ORDER_SQL_H

#define ORDER_COLUMNS                                                                              \
	"o.id, o.order_no, o.user_id, o.total_amount, o.status, o.payment_method, "                \
	"o.payment_id, o.paid_by, o.stock_held, o.expires_at, o.paid_at, o.created_at, "           \
	"o.updated_at, o.deleted_at, o.remark, o.consignee_name AS `consignee.name`, "             \
	"o.consignee_phone AS `consignee.phone`, o.consignee_address AS `consignee.address`, "     \
	"o.carrier AS `shipment.carrier`, o.tracking_no AS `shipment.tracking_no`"

#endif
