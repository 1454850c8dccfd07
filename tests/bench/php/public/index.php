<?php
// SPDX-License-Identifier: MIT
// The front controller of a small shop: what `make bench` compares minimall with.

declare(strict_types=1);

spl_autoload_register(static function (string $class): void {
    require __DIR__ . '/../src/' . $class . '.php';
});

$router = new Router();
$router->add('GET', '#^/api/products$#', static fn () => Catalogue::list($_GET));
$router->add('GET', '#^/api/products/([1-9][0-9]{0,17})$#', static fn (string $id) => Catalogue::product((int) $id));
$router->add('POST', '#^/api/orders$#', static fn () => Orders::place(Auth::user(), Request::json(), Request::header('Idempotency-Key')));
$router->add('GET', '#^/api/orders/([A-Z0-9]{1,40})$#', static fn (string $no) => Orders::get(Auth::user(), $no));
$router->run($_SERVER['REQUEST_METHOD'], strtok($_SERVER['REQUEST_URI'], '?'));
