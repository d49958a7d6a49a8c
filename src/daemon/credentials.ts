/** What a node shows to others: its certificate, and which life of which cluster it is part of. */
import type { Identity } from "../agent/identity.ts"
import type { ClusterIdentity, NodeCredentials } from "../transport/port.ts"

export function credentialsOf({ certPem, keyPem, caPem }: Identity): NodeCredentials {
  return { cert: certPem, key: keyPem, ca: caPem }
}

/** Always as the identity is now: a recovery raises its epoch while connections are made with it. */
export function clusterIdentity(identity: Identity): ClusterIdentity {
  return {
    clusterId: identity.clusterId,
    get recoveryEpoch() {
      return identity.recoveryEpoch
    },
  }
}
