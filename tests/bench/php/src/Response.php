<?php
// SPDX-License-Identifier: MIT

declare(strict_types=1);

final class Response
{
    /** @param mixed $body */
    public function __construct(private int $status, private $body, private bool $cacheable = false)
    {
    }

    public function send(): void
    {
        $json = json_encode($this->body, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR);
        header('X-Content-Type-Options: nosniff');
        header('Cache-Control: ' . ($this->cacheable ? 'no-cache' : 'no-store'));
        if ($this->cacheable) {
            $tag = '"' . md5($json) . '"';
            header('ETag: ' . $tag);
            if (Request::header('If-None-Match') === $tag) {
                http_response_code(304);

                return;
            }
        }
        http_response_code($this->status);
        header('Content-Type: application/json; charset=utf-8');
        echo $json;
    }
}
