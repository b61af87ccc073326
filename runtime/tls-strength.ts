import { constants } from 'node:crypto'

/**
 * How strong every TLS of ours is, over what a caller may choose (RFC 9325): forward secrecy and authenticated encryption alone, the shortest
 * key first, which is the fastest and strong enough; and no renegotiation, which TLS 1.2 lets a client ask for again and again at our cost.
 */
export const strongTls = {
  ciphers:
    'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:' +
    'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:' +
    'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305',
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
} as const
