/** Kinds of keys that a proxy verifies tokens with; nothing symmetric: whoever checks such a token could write one. */
const kinds = new Set(['RSA', 'EC', 'OKP'])

/** Why the text of a JWKS file (RFC 7517, 5) may not be handed to proxies, continuing "<file> ..."; undefined when it may. */
export function refuseJwks(text: string): string | undefined {
  let keys: unknown
  try {
    keys = (JSON.parse(text) as { keys?: unknown } | null)?.keys
  } catch (error) {
    return `is no JSON: ${(error as Error).message}`
  }
  if (!Array.isArray(keys)) return 'has no list of keys'
  for (const [index, key] of (keys as ({ kty?: unknown; d?: unknown; k?: unknown } | null)[]).entries()) {
    if (typeof key !== 'object' || key === null) return `has something that is no key at keys[${index}]`
    if (key.d !== undefined) return `holds a private key at keys[${index}]: only public keys may leave their owner`
    if (key.kty === 'oct' || key.k !== undefined)
      return `holds a symmetric key at keys[${index}]: whoever checks tokens by it could write them`
  }
  const usable = keys.some(({ kty }: { kty?: unknown }) => typeof kty === 'string' && kinds.has(kty))
  return usable ? undefined : 'holds no key that tokens can be verified by'
}
