// SPDX-License-Identifier: MIT
// How Alipay refuses: code, sub_code and the texts.

const MESSAGES = {
  20000: 'Service Currently Unavailable',
  40001: 'Missing Required Arguments',
  40002: 'Invalid Arguments',
  40004: 'Business Failed',
};

const REFUSALS = {
  'isp.unknow-error': [20000, '系统繁忙'],
  'isv.missing-method': [40001, '缺少方法名参数'],
  'isv.missing-app-id': [40001, '缺少AppID参数'],
  'isv.missing-signature': [40001, '缺少签名参数'],
  'isv.missing-signature-type': [40001, '缺少签名类型参数'],
  'isv.missing-timestamp': [40001, '缺少时间戳参数'],
  'isv.missing-version': [40001, '缺少版本参数'],
  'isv.missing-app-cert-sn': [40001, '缺少应用公钥证书序列号参数'],
  'isv.missing-alipay-root-cert-sn': [40001, '缺少支付宝根证书序列号参数'],
  'isv.invalid-method': [40002, '不存在的方法名'],
  'isv.invalid-app-id': [40002, '无效的AppID参数'],
  'isv.invalid-format': [40002, '无效的数据格式'],
  'isv.invalid-charset': [40002, '字符集错误'],
  'isv.invalid-encoding': [40002, '非法编码'],
  'isv.invalid-signature-type': [40002, '无效的签名类型'],
  'isv.invalid-signature': [40002, '验签出错，建议检查签名字符串或签名私钥与应用公钥是否匹配'],
  'isv.invalid-timestamp': [40002, '非法的时间戳参数'],
  'isv.invalid-app-cert-sn': [40002, '无效的应用公钥证书序列号'],
  'isv.invalid-alipay-root-cert-sn': [40002, '无效的支付宝根证书序列号'],
  'isv.invalid-parameter': [40002, '参数无效'],
  'isv.url-too-long': [40002, '请求地址过长'],
  BILL_NOT_EXIST: [40004, '账单不存在'],
  INVAILID_ARGUMENTS: [40004, '入参不合法'], // so Alipay spells it
  'ACQ.SYSTEM_ERROR': [40004, '系统错误'],
  'ACQ.INVALID_PARAMETER': [40004, '参数无效'],
  'ACQ.TRADE_NOT_EXIST': [40004, '交易不存在'],
  'ACQ.TRADE_STATUS_ERROR': [40004, '交易状态不合法'],
  'ACQ.TRADE_HAS_CLOSE': [40004, '交易已经关闭'],
  'ACQ.TRADE_HAS_SUCCESS': [40004, '交易已被支付'],
  'ACQ.TRADE_HAS_FINISHED': [40004, '交易已完结'],
  'ACQ.CONTEXT_INCONSISTENT': [40004, '交易信息被篡改'],
  'ACQ.DISCORDANT_REPEAT_REQUEST': [40004, '请求信息不一致'],
  'ACQ.REASON_TRADE_REFUND_FEE_ERR': [40004, '退款金额无效'],
  'ACQ.REFUND_AMT_NOT_EQUAL_TOTAL': [40004, '退款金额超限'],
  'ACQ.SELLER_BALANCE_NOT_ENOUGH': [40004, '卖家余额不足'],
};

export class Refusal extends Error {
  // detail: for the log, and for the author of a request that is wrong in itself
  constructor(subCode, detail = '') {
    const [code, text] = REFUSALS[subCode];
    super(detail ? `${text}: ${detail}` : text);
    this.code = code;
    this.subCode = subCode;
  }

  get body() {
    return { code: String(this.code), msg: MESSAGES[this.code], sub_code: this.subCode, sub_msg: this.message };
  }
}
