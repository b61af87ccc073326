import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

/** What the tests read of docker-compose.yml, anchors and merges resolved. */
export interface ComposeService {
  image: string
  build?: string
  command?: string[]
  entrypoint?: string[]
  environment?: Record<string, string>
  volumes?: string[]
  ports?: string[]
  network_mode?: string
  restart?: string
  depends_on?: Record<string, { condition: string }> | string[]
  healthcheck?: { test: string[] }
}
export interface ComposeFile {
  services: Record<string, ComposeService>
  volumes: Record<string, unknown>
}

export function readCompose(): ComposeFile {
  return parse(readFileSync('docker-compose.yml', 'utf8'), { merge: true }) as ComposeFile
}

/** The same file for an engine of a test: any free port of the machine, and without the image that nothing here can stand in for. */
export function forTest({ services, volumes }: ComposeFile): ComposeFile {
  const kept = Object.entries(services).filter(([name]) => name !== 'grafana')
  return {
    version: '3.9',
    services: Object.fromEntries(
      kept.map(([name, { build: _built, ports = [], ...service }]) => [
        name,
        { ...service, ports: ports.map(port => port.replace(/^127\.0\.0\.1:\d+:/, '127.0.0.1::')) },
      ]),
    ),
    volumes,
  } as ComposeFile
}
