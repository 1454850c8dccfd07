<?php
// SPDX-License-Identifier: MIT

declare(strict_types=1);

final class Catalogue
{
    private const ON_SALE = 1;
    private const SELECT =
        'SELECT p.id, p.category_id, p.name, p.description, p.price, p.stock, p.image_url, p.status, p.created_at, p.updated_at,'
        . ' c.name AS category_name, c.description AS category_description'
        . ' FROM products p LEFT JOIN categories c ON c.id = p.category_id';

    public static function product(int $id): Response
    {
        $row = Database::run(self::SELECT . ' WHERE p.id = ? AND p.status = ?', [$id, self::ON_SALE])->fetch();
        if (!$row) {
            throw new HttpError(404, 'NOT_FOUND');
        }

        return new Response(200, self::shown($row), true);
    }

    /** @param array<string, string> $query */
    public static function list(array $query): Response
    {
        $limit = filter_var($query['limit'] ?? 20, FILTER_VALIDATE_INT, ['options' => ['min_range' => 1, 'max_range' => 100]]);
        $after = filter_var($query['after'] ?? PHP_INT_MAX, FILTER_VALIDATE_INT);
        if ($limit === false || $after === false) {
            throw new HttpError(400, 'INVALID');
        }
        $rows = Database::run(self::SELECT . ' WHERE p.status = ? AND p.id < ? ORDER BY p.id DESC LIMIT ?', [self::ON_SALE, $after, $limit]);

        return new Response(200, array_map(self::shown(...), $rows->fetchAll()), true);
    }

    /**
     * @param array<string, mixed> $row
     * @return array<string, mixed>
     */
    private static function shown(array $row): array
    {
        return [
            'product_id' => $row['id'],
            'category_id' => $row['category_id'],
            'name' => $row['name'],
            'description' => $row['description'],
            'price' => (float) $row['price'],
            'stock' => $row['stock'],
            'image_url' => $row['image_url'],
            'status' => $row['status'],
            'created_at' => Database::time($row['created_at']),
            'updated_at' => Database::time($row['updated_at']),
            'category' => $row['category_id'] === null ? null : [
                'category_id' => $row['category_id'],
                'name' => $row['category_name'],
                'description' => $row['category_description'],
            ],
        ];
    }
}
