import Type from 'typebox'
import { IssuedCertificate } from '../../protocol/credentials.ts'

/** What a proxy keeps on disk of its identity. */
export const Kept = Type.Intersect([
  IssuedCertificate,
  Type.Object({
    keyPem: Type.String(),
    trustDomain: Type.String(),
    dc: Type.String(),
    receivedMs: Type.Number(),
  }),
])
