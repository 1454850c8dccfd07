// SPDX-License-Identifier: MIT
// How WeChat Pay refuses: status, code, the error number at the end of Request-ID, and the text.

const REFUSALS = {
  PARAM_ERROR: [400, 268435461, '参数错误'],
  INVALID_REQUEST: [400, 268498688, '该订单号已存在，且请求参数与首次下单不一致'],
  APPID_MCHID_NOT_MATCH: [400, 268445527, 'appid和mch_id不匹配'],
  MCH_NOT_EXISTS: [400, 268445527, '商户号不存在或与签名的商户号不一致'],
  ORDERPAID: [400, 268498689, '该订单已支付'],
  ORDER_CLOSED: [400, 268447914, '该订单已关闭'],
  STATEMENT_CREATING: [400, 268435461, '账单生成中，请在次日上午10点后再下载'],
  NO_STATEMENT_EXIST: [400, 268435461, '账单文件不存在'],
  SIGN_ERROR: [401, 268443699, '签名错误，请检查后再试'],
  ORDER_NOT_EXIST: [404, 268512771, '订单不存在'],
  RESOURCE_NOT_EXISTS: [404, 268512771, '请求的资源不存在'],
  METHOD_NOT_ALLOWED: [405, 268435461, '请求方法不正确'],
  PAYLOAD_TOO_LARGE: [413, 268435461, '请求报文过大'],
  FREQUENCY_LIMITED: [429, 268447840, '频率超限，请降低请求频率'],
  SYSTEM_ERROR: [500, 268435457, '系统异常，请稍后重试'],
  OPENID_MISMATCH: [500, 268445527, 'openid和appid不匹配'],
};

const VALUE_MAX = 128; // a refused value is quoted up to this length

export class Refusal extends Error {
  // text, number: where WeChat's differ from the usual ones of this code.
  constructor(code, { detail, text, number } = {}) {
    const [status, usualNumber, usualText] = REFUSALS[code];
    super(text ?? usualText);
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.number = number ?? usualNumber;
  }

  // For the log: the exact fault.
  get reason() {
    return this.detail ? `${this.detail.field} ${this.detail.issue}` : this.message;
  }

  get body() {
    return { code: this.code, message: this.message, ...(this.detail && { detail: this.detail }) };
  }
}

export function paramError(field, value, issue, location = 'body', number = undefined) {
  const quoted = typeof value === 'string' ? value : JSON.stringify(value) ?? '';
  return new Refusal('PARAM_ERROR', { detail: { field, value: quoted.slice(0, VALUE_MAX), issue, location }, number });
}

export function signError(field, issue) {
  return new Refusal('SIGN_ERROR', { detail: { field, issue, location: 'authorization' } });
}
