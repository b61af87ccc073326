/** Envoy's cluster of one version of a service; of the whole service when there is no version. */
export function clusterName(service: string, version: string): string {
  return version === '' ? service : `${version}.${service}`
}

/** A protobuf Duration as Envoy's JSON writes it. */
export function duration(ms: number): string {
  return `${Math.round(ms * 1e6) / 1e9}s`
}

/** A core.v3.Address from host:port. */
export function socketAddress(address: string): unknown {
  const at = address.lastIndexOf(':')
  return {
    socket_address: {
      address: address.slice(0, at).replace(/^\[|\]$/g, ''),
      port_value: Number(address.slice(at + 1)),
    },
  }
}
