/** The bounds of this layer as one value: the product's, and whatever a test tightens. */
import {
  FRAME_MAX_BYTES,
  PEER_CALLS_MAX,
  PEER_CLOSE_TIMEOUT_MS,
  PEER_CONNECTIONS_MAX,
  PEER_KEEPALIVE_MS,
  PEER_QUEUE_MAX_BYTES,
  PEER_SILENT_KEEPALIVES_MAX,
  PEER_SUBSCRIPTIONS_MAX,
  UNAUTHENTICATED_FRAME_MAX_BYTES,
  UNAUTHENTICATED_MAX,
  UNAUTHENTICATED_TIMEOUT_MS,
} from "../base/limits.ts"
import type { PeerLimits } from "./port.ts"

const PRODUCT: PeerLimits = {
  frameMaxBytes: FRAME_MAX_BYTES,
  queueMaxBytes: PEER_QUEUE_MAX_BYTES,
  callsMax: PEER_CALLS_MAX,
  subscriptionsMax: PEER_SUBSCRIPTIONS_MAX,
  connectionsMax: PEER_CONNECTIONS_MAX,
  unauthenticatedMax: UNAUTHENTICATED_MAX,
  unauthenticatedTimeoutMs: UNAUTHENTICATED_TIMEOUT_MS,
  unauthenticatedFrameMaxBytes: UNAUTHENTICATED_FRAME_MAX_BYTES,
  keepAliveMs: PEER_KEEPALIVE_MS,
  silentKeepAlivesMax: PEER_SILENT_KEEPALIVES_MAX,
  closeTimeoutMs: PEER_CLOSE_TIMEOUT_MS,
}

export function peerLimits(tightened: Partial<PeerLimits> = {}): PeerLimits {
  return { ...PRODUCT, ...tightened }
}
