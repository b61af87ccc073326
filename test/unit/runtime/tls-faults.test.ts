import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyTlsStats, envoyFaultGroups, faultsOfGroup } from '../../../proxy/tls-stats.ts'
import { faultOf, sentenceOf, TlsRefusal, tlsFaults } from '../../../runtime/tls-faults.ts'

const failed = (code: string, message = 'words of OpenSSL') => Object.assign(new Error(message), { code })

test('what ends a handshake is counted under one word of a bounded set', () => {
  const said: [string, string][] = [
    ['CERT_HAS_EXPIRED', 'expired'],
    ['CERT_NOT_YET_VALID', 'not_yet_valid'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'self_signed'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'unknown_issuer'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unknown_issuer'],
    ['CERT_SIGNATURE_FAILURE', 'bad_chain'],
    ['ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE', 'no_certificate'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'plain_text'],
    ['ERR_SSL_HTTP_REQUEST', 'plain_text'],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'refused_by_peer'],
    ['ERR_SSL_NO_SHARED_CIPHER', 'protocol'],
    ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'protocol'],
    ['EPROTO', 'protocol'],
    ['ECONNRESET', 'broken_off'],
    ['', 'broken_off'],
  ]
  for (const [code, fault] of said) assert.equal(faultOf(failed(code)), fault, code)
  assert.equal(faultOf(failed('UNSPECIFIED', 'EE certificate key too weak')), 'weak_key')
  assert.equal(faultOf(new TlsRefusal('wrong_identity', 'expected a, b answered')), 'wrong_identity')
})

test('every word stands in exactly one of the groups that Envoy counts', () => {
  assert.deepEqual(Object.values(envoyFaultGroups).flat().sort(), [...tlsFaults].sort())
  const stats = emptyTlsStats()
  stats.faults.expired = 2
  stats.faults.weak_key = 3
  stats.faults.timeout = 4
  assert.equal(faultsOfGroup(stats, 'fail_verify_error'), 5)
  assert.equal(faultsOfGroup(stats, 'connection_error'), 4)
  assert.equal(faultsOfGroup(stats, 'fail_verify_san'), 0)
})

test('people are told what happened, not what OpenSSL calls it; what is no matter of TLS stays as it is', () => {
  assert.match(sentenceOf(failed('ERR_SSL_WRONG_VERSION_NUMBER')), /does not speak TLS/)
  assert.match(
    sentenceOf(failed('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')),
    /refused the handshake \(tlsv13 alert certificate required\)/,
  )
  assert.equal(sentenceOf(failed('ECONNREFUSED', 'connect ECONNREFUSED')), 'connect ECONNREFUSED')
  assert.equal(sentenceOf(new TlsRefusal('wrong_identity', 'expected a, b answered')), 'expected a, b answered')
})
