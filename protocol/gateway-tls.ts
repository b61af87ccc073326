import Type, { type Static } from 'typebox'

/**
 * TLS toward users, in section `listener` of a gateway. Files are named here and read by the gateway itself: a private key never passes
 * through control.
 */
const File = Type.String({ minLength: 1, maxLength: 1024 })

export const GatewayCertificate = Type.Object({
  certFile: File,
  keyFile: File,
  /** Names that it is shown for (SNI), `*.a.example` for one label more; none: for every name that no other has. */
  hosts: Type.Array(Type.String({ minLength: 1, maxLength: 253 })),
})
export type GatewayCertificate = Static<typeof GatewayCertificate>

export const GatewayTls = Type.Object({
  minVersion: Type.Union([Type.Literal('1.2'), Type.Literal('1.3')]),
  certificates: Type.Array(GatewayCertificate, { minItems: 1, maxItems: 1000 }),
  /** Roots that certificates of users must come from; absent: none are asked for. */
  clientCaFile: Type.Optional(File),
  /** Whether a user must show a certificate. */
  requireClientCertificate: Type.Boolean(),
})
export type GatewayTls = Static<typeof GatewayTls>
