<?php
// SPDX-License-Identifier: MIT

declare(strict_types=1);

final class HttpError extends Exception
{
    private const TEXTS = [
        'NOT_FOUND' => '请求的资源不存在',
        'UNAUTHENTICATED' => '请先登录',
        'INVALID' => '请求参数有误',
        'INSUFFICIENT_STOCK' => '库存不足',
        'IDEMPOTENCY_MISMATCH' => '幂等键已用于不同的请求',
    ];

    public function __construct(public readonly int $status, string $code)
    {
        parent::__construct($code);
    }

    public function text(): string
    {
        return self::TEXTS[$this->getMessage()] ?? '';
    }
}
