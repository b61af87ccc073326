import { countedStatus, GRPC_STATUS_NAMES } from '../grpc.ts'

/** What an answer shows about its endpoint: why it failed, for people; '' when it did not. `grpcStatus` -1: it is none of gRPC's. */
export function whyFailed(status: number, grpcStatus: number): string {
  if (countedStatus(status, grpcStatus) < 500) return ''
  return grpcStatus < 0 ? `status ${status}` : `grpc status ${GRPC_STATUS_NAMES[grpcStatus]}`
}
