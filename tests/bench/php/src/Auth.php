<?php
// SPDX-License-Identifier: MIT

declare(strict_types=1);

final class Auth
{
    private const SESSION =
        'SELECT u.id, u.nickname, u.email FROM sessions s JOIN users u ON u.id = s.user_id'
        . ' WHERE s.id = ? AND s.user_id = ? AND s.ended_at IS NULL AND s.expires_at > UTC_TIMESTAMP(3)'
        . ' AND s.token_version = u.token_version AND u.deleted_at IS NULL';

    /**
     * The user whose token the request carries: its session must not have been ended.
     *
     * @return array{id: int, nickname: string, email: ?string}
     */
    public static function user(): array
    {
        $claims = self::claims(self::bearer());
        $user = Database::run(self::SESSION, [$claims['sid'], (int) $claims['sub']])->fetch();

        return $user ?: throw new HttpError(401, 'UNAUTHENTICATED');
    }

    private static function bearer(): string
    {
        $header = Request::header('Authorization') ?? '';
        if (!str_starts_with($header, 'Bearer ')) {
            throw new HttpError(401, 'UNAUTHENTICATED');
        }

        return substr($header, 7);
    }

    /** @return array{sub: string, sid: int, exp: int} the claims of a token that is signed by us and still valid */
    private static function claims(string $token): array
    {
        $parts = explode('.', $token);
        if (count($parts) !== 3 || !self::isSigned(...$parts)) {
            throw new HttpError(401, 'UNAUTHENTICATED');
        }
        $claims = json_decode(self::decode($parts[1]), true);
        if (!isset($claims['sub'], $claims['sid'], $claims['exp']) || $claims['exp'] <= time()) {
            throw new HttpError(401, 'UNAUTHENTICATED');
        }

        return $claims;
    }

    private static function isSigned(string $head, string $payload, string $signature): bool
    {
        $algorithm = json_decode(self::decode($head), true)['alg'] ?? null;
        $expected = hash_hmac('sha256', "$head.$payload", (string) getenv('JWT_SECRET'), true);

        return $algorithm === 'HS256' && hash_equals($expected, self::decode($signature));
    }

    private static function decode(string $base64url): string
    {
        return (string) base64_decode(strtr($base64url, '-_', '+/'));
    }
}
