<?php
// SPDX-License-Identifier: MIT

declare(strict_types=1);

final class Orders
{
    private const ON_SALE = 1;
    private const PAY_MINUTES = 30;
    private const LINES_MAX = 100;

    /** @param array<string, mixed> $user */
    public static function get(array $user, string $no): Response
    {
        $order = Database::run('SELECT * FROM orders WHERE order_no = ? AND user_id = ?', [$no, $user['id']])->fetch();
        if (!$order) {
            throw new HttpError(404, 'NOT_FOUND');
        }
        $items = Database::run('SELECT * FROM order_items WHERE order_id = ? ORDER BY id', [$order['id']])->fetchAll();

        return new Response(200, [
            ...self::shown($order),
            'user' => ['user_id' => $user['id'], 'nickname' => $user['nickname'], 'email' => $user['email']],
            'paid_by' => null,
            'orderItems' => array_map(static fn (array $item) => self::shownItem($item, $no), $items),
        ]);
    }

    /**
     * @param array<string, mixed> $user
     * @param array<string, mixed> $body
     */
    public static function place(array $user, array $body, ?string $key): Response
    {
        $quantities = self::quantities($body);
        $order = Database::transaction(static function () use ($user, $body, $quantities, $key): array {
            $placed = $key === null ? null : self::claimKey($user, $key);
            if ($placed !== null) {
                return Database::run('SELECT * FROM orders WHERE id = ?', [$placed])->fetch();
            }
            $products = self::lock(array_keys($quantities));
            $order = self::insert($user, $body, $products, $quantities);
            self::takeStock($order['id'], $products, $quantities);
            if ($key !== null) {
                Database::run('UPDATE idempotency_keys SET order_id = ? WHERE user_id = ? AND idempotency_key = ?', [$order['id'], $user['id'], $key]);
            }

            return $order;
        });

        return new Response(201, self::shown($order));
    }

    /**
     * How many are ordered of each product, in the order of the products.
     *
     * @param array<string, mixed> $body
     * @return array<int, int>
     */
    private static function quantities(array $body): array
    {
        $items = $body['items'] ?? null;
        if (!is_array($items) || $items === [] || count($items) > self::LINES_MAX) {
            throw new HttpError(400, 'INVALID');
        }
        $quantities = [];
        foreach ($items as $item) {
            $id = $item['product_id'] ?? null;
            $quantity = $item['quantity'] ?? null;
            if (!is_int($id) || !is_int($quantity) || $id < 1 || $quantity < 1 || $quantity > 1_000_000) {
                throw new HttpError(400, 'INVALID');
            }
            $quantities[$id] = ($quantities[$id] ?? 0) + $quantity;
        }
        ksort($quantities);

        return $quantities;
    }

    /**
     * The order that the key stands for already, or null: it is ours now.
     *
     * @param array<string, mixed> $user
     */
    private static function claimKey(array $user, string $key): ?int
    {
        $hash = hash('sha256', Request::body(), true);
        $added = Database::run('INSERT IGNORE INTO idempotency_keys (user_id, idempotency_key, body_sha256) VALUES (?, ?, ?)', [$user['id'], $key, $hash]);
        if ($added->rowCount() === 1) {
            return null;
        }
        $row = Database::run('SELECT body_sha256, order_id FROM idempotency_keys WHERE user_id = ? AND idempotency_key = ? FOR UPDATE', [$user['id'], $key])->fetch();
        if (!hash_equals($row['body_sha256'], $hash)) {
            throw new HttpError(409, 'IDEMPOTENCY_MISMATCH');
        }

        return $row['order_id'];
    }

    /**
     * @param list<int> $ids
     * @return array<int, array<string, mixed>> the products by id
     */
    private static function lock(array $ids): array
    {
        $marks = implode(', ', array_fill(0, count($ids), '?'));
        $rows = Database::run("SELECT id, name, price, stock, status FROM products WHERE id IN ($marks) ORDER BY id FOR UPDATE", $ids);
        $products = array_column($rows->fetchAll(), null, 'id');
        foreach ($ids as $id) {
            if (($products[$id]['status'] ?? null) !== self::ON_SALE) {
                throw new HttpError(404, 'NOT_FOUND');
            }
        }

        return $products;
    }

    /**
     * @param array<string, mixed> $user
     * @param array<string, mixed> $body
     * @param array<int, array<string, mixed>> $products
     * @param array<int, int> $quantities
     * @return array<string, mixed>
     */
    private static function insert(array $user, array $body, array $products, array $quantities): array
    {
        $rows = [];
        $total = 0;
        foreach ($quantities as $id => $quantity) {
            $cents = (int) round($products[$id]['price'] * 100) * $quantity;
            $rows[] = [$id, $products[$id]['name'], $quantity, $products[$id]['price'], self::money($cents)];
            $total += $cents;
        }
        $now = new DateTimeImmutable('now', new DateTimeZone('UTC'));
        $order = [
            'order_no' => 'ORDER' . strtoupper(bin2hex(random_bytes(10))),
            'user_id' => $user['id'],
            'total_amount' => self::money($total),
            'discount_amount' => '0.00',
            'points_used' => 0,
            'points_amount' => '0.00',
            'status' => 0,
            'payment_method' => $body['payment_method'] ?? null,
            'payment_id' => null,
            'consignee' => isset($body['consignee']) ? json_encode($body['consignee']) : null,
            'remark' => $body['remark'] ?? null,
            'shipment' => null,
            'expires_at' => $now->modify('+' . self::PAY_MINUTES . ' minutes')->format('Y-m-d H:i:s.v'),
            'created_at' => $now->format('Y-m-d H:i:s.v'),
            'updated_at' => $now->format('Y-m-d H:i:s.v'),
        ];
        $order['id'] = self::insertRows('orders', array_keys($order), [array_values($order)]);
        self::insertRows('order_items', ['order_id', 'product_id', 'name', 'quantity', 'unit_price', 'total_price'],
            array_map(static fn (array $row) => [$order['id'], ...$row], $rows));

        return $order;
    }

    /**
     * @param array<int, array<string, mixed>> $products
     * @param array<int, int> $quantities
     */
    private static function takeStock(int $orderId, array $products, array $quantities): void
    {
        $moves = [];
        foreach ($quantities as $id => $quantity) {
            $taken = Database::run('UPDATE products SET stock = stock - ? WHERE id = ? AND stock >= ?', [$quantity, $id, $quantity]);
            if ($taken->rowCount() !== 1) {
                throw new HttpError(409, 'INSUFFICIENT_STOCK');
            }
            $moves[] = [$id, $orderId, -$quantity];
        }
        self::insertRows('stock_moves', ['product_id', 'order_id', 'delta'], $moves);
    }

    /**
     * Inserts rows by one statement; returns the id of the first.
     *
     * @param list<string> $columns
     * @param list<list<mixed>> $rows
     */
    private static function insertRows(string $table, array $columns, array $rows): int
    {
        $marks = '(' . implode(', ', array_fill(0, count($columns), '?')) . ')';
        $sql = "INSERT INTO $table (" . implode(', ', $columns) . ') VALUES ' . implode(', ', array_fill(0, count($rows), $marks));
        Database::run($sql, array_merge(...$rows));

        return (int) Database::pdo()->lastInsertId();
    }

    private static function money(int $cents): string
    {
        return sprintf('%d.%02d', intdiv($cents, 100), $cents % 100);
    }

    /**
     * @param array<string, mixed> $order
     * @return array<string, mixed>
     */
    private static function shown(array $order): array
    {
        return [
            'order_id' => $order['order_no'],
            'user_id' => $order['user_id'],
            'total_amount' => $order['total_amount'],
            'status' => $order['status'],
            'payment_method' => $order['payment_method'],
            'payment_id' => $order['payment_id'],
            'created_at' => Database::time($order['created_at']),
            'updated_at' => Database::time($order['updated_at']),
            'discount_amount' => $order['discount_amount'],
            'points_used' => $order['points_used'],
            'points_amount' => $order['points_amount'],
            'consignee' => $order['consignee'] === null ? null : json_decode($order['consignee'], true),
            'remark' => $order['remark'],
            'shipment' => $order['shipment'] === null ? null : json_decode($order['shipment'], true),
        ];
    }

    /**
     * @param array<string, mixed> $item
     * @return array<string, mixed>
     */
    private static function shownItem(array $item, string $no): array
    {
        return [
            'order_item_id' => $item['id'],
            'order_id' => $no,
            'product_id' => $item['product_id'],
            'quantity' => $item['quantity'],
            'unit_price' => $item['unit_price'],
            'total_price' => $item['total_price'],
            'product' => ['product_id' => $item['product_id'], 'name' => $item['name'], 'price' => (float) $item['unit_price']],
            'discount_amount' => $item['discount_amount'],
        ];
    }
}
