import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { IssuedCertificate } from '../protocol/credentials.ts'
import { COLLECTOR, memberOfSpiffeId } from '../protocol/identity.ts'
import { uriNames } from './peer-certificate.ts'

/** Why a certificate is not for this program: another key, another service (or COLLECTOR), no certificate at all; undefined: it is. */
export function whyNotOurs(issued: IssuedCertificate, keyPem: string, member: string): string | undefined {
  let leaf: X509Certificate
  try {
    leaf = new X509Certificate(issued.chain)
    for (const root of issued.roots) new X509Certificate(root)
    if (!leaf.checkPrivateKey(createPrivateKey(keyPem)))
      return 'the certificate is not for the key that it was asked for'
  } catch (error) {
    return `the certificate cannot be read: ${(error as Error).message}`
  }
  if (issued.roots.length === 0) return 'no root came with it'
  if (leaf.validToDate.getTime() !== Date.parse(issued.notAfter)) return 'it is valid until another time than was said'
  const names = uriNames(leaf.subjectAltName)
  if (names.length !== 1 || names[0] !== issued.spiffeId) return 'the certificate says another SPIFFE id than was said'
  if (memberOfSpiffeId(issued.spiffeId)?.member === member) return undefined
  const us = member === COLLECTOR ? 'this is a collector' : `this proxy is of service ${member}`
  return `the certificate is for ${issued.spiffeId}, ${us}`
}
