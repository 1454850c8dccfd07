<?php
// SPDX-License-Identifier: MIT

declare(strict_types=1);

final class Router
{
    /** @var array<string, list<array{string, callable}>> */
    private array $routes = [];

    public function add(string $method, string $pattern, callable $handler): void
    {
        $this->routes[$method][] = [$pattern, $handler];
    }

    public function run(string $method, string $path): void
    {
        try {
            foreach ($this->routes[$method] ?? [] as [$pattern, $handler]) {
                if (preg_match($pattern, $path, $match)) {
                    $handler(...array_slice($match, 1))->send();

                    return;
                }
            }
            throw new HttpError(404, 'NOT_FOUND');
        } catch (HttpError $error) {
            (new Response($error->status, ['code' => $error->getMessage(), 'message' => $error->text()]))->send();
        } catch (Throwable $error) {
            error_log((string) $error);
            (new Response(500, ['code' => 'INTERNAL', 'message' => '服务器内部错误']))->send();
        }
    }
}
