/** By what a proxy proves itself when it asks for a certificate. */
export type Proof = 'certificate' | 'token' | 'none'

export interface ProofFacts {
  hasCertificate: boolean
  expired: boolean
  hasToken: boolean
  /** What the last try, if it failed, was made with, and whether control said no to that proof itself. */
  failed: { by: Proof; refused: boolean } | undefined
}

/**
 * The certificate as long as it does, the token where there is none: a token may be good for one use. Also an expired certificate is tried,
 * for control may take it for a while, when it was away itself. When that fails and there is a token, they take turns.
 */
export function proofToUse({ hasCertificate, expired, hasToken, failed }: ProofFacts): Proof {
  if (!hasCertificate) return hasToken ? 'token' : 'none'
  const certificateFailed = failed?.by === 'certificate' && (failed.refused || expired)
  return hasToken && certificateFailed ? 'token' : 'certificate'
}
