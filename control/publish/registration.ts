import { Compile } from 'typebox/compile'
import type { MeshConfig } from '../../protocol/mesh-config/config.ts'
import { Registration } from '../../protocol/snapshot.ts'
import { isAnyHost, parseAddress } from '../../runtime/address.ts'
import type { Refusal } from '../refusal.ts'

export type ReadRegistration =
  | { status: 'ok'; registration: Registration; warning: string | undefined }
  | { status: 'refused'; refusal: Refusal }

const schema = Compile(Registration)
const example =
  '/v1/snapshots?service=expense&version=v1&instance=expense-v1-a&kind=sidecar&address=10.0.0.7:20000 is a complete one'

/**
 * Reads what a proxy says of itself and checks it against the mesh. A version that the file does not name is taken with weight 0
 * and a warning: an instance may start before the line that sends it traffic is written, and must not get any by accident.
 */
export function readRegistration(query: unknown, mesh: MeshConfig): ReadRegistration {
  if (!schema.Check(query)) {
    const problems = schema
      .Errors(query)
      .map(({ instancePath, message }) => `${instancePath.slice(1)} ${message}`.trim())
    return refused('invalid-registration', `The registration does not fit: ${problems.join('; ')}.`, example)
  }
  const { instance, service, version, kind, address } = query
  if (!/^[\x21-\x7e]+$/.test(instance))
    return refused(
      'invalid-registration',
      `instance ${JSON.stringify(instance)} is no id.`,
      'Use letters, digits, . - _',
    )
  const problem = addressProblem(address)
  if (problem)
    return refused(
      'invalid-registration',
      `address ${JSON.stringify(address)} ${problem}.`,
      'Register host:port where other proxies reach this one.',
    )
  return kind === 'gateway' ? gatewayOf(mesh, query) : sidecarOf(mesh, query, service, version)
}

function gatewayOf(mesh: MeshConfig, registration: Registration): ReadRegistration {
  if (mesh.gateways.has(registration.service)) return { status: 'ok', registration, warning: undefined }
  return refused(
    'unknown-gateway',
    `The mesh file has no gateway ${registration.service}; it has ${list(mesh.gateways.keys())}.`,
    `Add to mesh.yaml:\ngateways:\n  ${registration.service}:\n    listen: ${registration.address}\n    routes: []`,
  )
}

function sidecarOf(mesh: MeshConfig, registration: Registration, service: string, version: string): ReadRegistration {
  const config = mesh.services.get(service)
  if (!config)
    return refused(
      'unknown-service',
      `The mesh file has no service ${service}; it has ${list(mesh.services.keys())}.`,
      `Add to mesh.yaml:\nservices:\n  ${service}: {}`,
    )
  if (config.outside)
    return refused(
      'service-outside',
      `Service ${service} stands outside the mesh: the mesh file gives its endpoints.`,
      `Take its \`endpoints\` out of mesh.yaml to let proxies register for it.`,
    )
  const known = config.versions.size === 0 || config.versions.has(version)
  const warning = known
    ? undefined
    : `${registration.instance}: service ${service} has no version ${version} in the mesh file (it has ${list(config.versions.keys())}): it gets no traffic until mesh.yaml says services.${service}.versions.${version}: { weight: ... }`
  return { status: 'ok', registration, warning }
}

function addressProblem(text: string): string | undefined {
  const address = parseAddress(text)
  if (!address) return 'is no host:port'
  if (address.port === 0) return 'has port 0, which nobody can reach'
  if (isAnyHost(address.host)) return 'stands for every interface, which nobody can reach'
  return undefined
}

function list(names: Iterable<string>): string {
  const shown = [...names].slice(0, 50)
  return shown.length === 0 ? 'none' : shown.join(', ')
}

function refused(error: string, message: string, hint: string): ReadRegistration {
  return { status: 'refused', refusal: { error, message, hint } }
}
