/** The library is loaded where the first key or token has to be read: a proxy without tokens starts without it. */
export const jose = () => import('jose')
