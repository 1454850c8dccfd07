<?php
// SPDX-License-Identifier: MIT

declare(strict_types=1);

final class Request
{
    public static function header(string $name): ?string
    {
        return $_SERVER['HTTP_' . strtoupper(strtr($name, '-', '_'))] ?? null;
    }

    /** @return array<string, mixed> */
    public static function json(): array
    {
        $body = json_decode(self::body(), true);
        if (!is_array($body)) {
            throw new HttpError(400, 'INVALID');
        }

        return $body;
    }

    public static function body(): string
    {
        static $body = null;

        return $body ??= (string) file_get_contents('php://input');
    }
}
