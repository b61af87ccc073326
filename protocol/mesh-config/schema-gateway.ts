import Type, { type Static } from 'typebox'
import { block, type Field, flag, list, text, word } from './fields.ts'

const opt = Type.Optional

/** TLS of a gateway, as a person writes it. */
export const gatewayTls = block(
  {
    certificates: list(
      block(
        {
          certFile: text('gatewayFile', { description: 'Certificate and what leads to its root (PEM), leaf first.' }),
          keyFile: text('gatewayFile', { description: 'Its private key (PEM). It never leaves the gateway.' }),
          hosts: opt(
            list(text('host', { description: 'A name that users ask for.' }), 100, {
              description: 'Shown to who asks for these names; without it, to everybody else.',
              default: [],
            }),
          ),
        },
        { description: 'One certificate.' },
      ),
      1000,
      {
        description:
          'Certificates, chosen by the name that a user asks for (SNI); the first for a name that none has. Changed files are taken up by themselves.',
        minItems: 1,
        example: '[{ certFile: shop.pem, keyFile: shop.key }]',
      },
    ),
    minVersion: opt(word(['1.2', '1.3'], { description: 'Oldest TLS that is taken.', default: '1.2' })),
    clientCaFile: opt(
      text('gatewayFile', {
        description: 'Roots (PEM) that certificates of users must come from. None are asked for unless written.',
      }),
    ),
    require: opt(flag({ description: 'true: no user gets in without a certificate.', default: false })),
  },
  {
    description:
      'Speak TLS to users. Files are the gateway’s own: read on its machine, relative to its --certificates directory.',
  },
)
export type GatewayTlsWritten = Static<typeof gatewayTls>

export const gatewayTlsField = gatewayTls as unknown as Field
