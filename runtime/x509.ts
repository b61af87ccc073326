// Must come first: the library looks for it while it loads.
import './reflect-metadata.ts'

/** X.509 certificates and requests: what every program that makes or reads them imports. */
export * from '@peculiar/x509'
