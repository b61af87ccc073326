import { readdirSync, readFileSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { refuse } from '../refusal.ts'

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
}
const FILES_MAX = 100
const FILE_BYTES_MAX = 4 * 1024 * 1024

/** The page may load from here and ask here, nothing else. It shows nothing by itself: what it asks for has doors. */
const contentSecurityPolicy = "default-src 'self'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"

/**
 * The web page at `/`. Its files are read once at start: only what lay in the folder then can be asked for, by its exact name, so
 * that no path leads out of it.
 */
export function pageRoutes(app: FastifyInstance, folder: string): void {
  const files = readFolder(folder)
  if (!files.has('index.html')) {
    app.get('/', { config: { door: 'everybody' } }, (_request, reply) => {
      const message = `There is no page: ${folder} has no index.html.`
      return refuse(reply, 404, { error: 'no-page', message, hint: 'GET /v1/status tells the same as JSON.' })
    })
    return
  }
  for (const [name, body] of files) {
    const type = contentTypes[extname(name)]!
    const headers = {
      'content-type': type,
      'content-security-policy': contentSecurityPolicy,
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-cache',
    }
    app.get(name === 'index.html' ? '/' : `/${name}`, { config: { door: 'everybody' } }, (_request, reply) =>
      reply.headers(headers).send(body),
    )
  }
}

function readFolder(folder: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>()
  let names: string[]
  try {
    names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).slice(0, FILES_MAX * 10)
  } catch {
    return files
  }
  for (const name of names) {
    const path = join(folder, name)
    const plainName = /^[A-Za-z0-9._/-]+$/.test(name) && contentTypes[extname(name)] !== undefined
    if (!plainName || files.size >= FILES_MAX) continue
    const found = statSync(path, { throwIfNoEntry: false })
    if (found?.isFile() && found.size <= FILE_BYTES_MAX) files.set(name, readFileSync(path))
  }
  return files
}
