/**
 * Whether a server that starts on the data of before still belongs to its cluster. One that was removed meanwhile, or left
 * behind by a recovery, is a ghost: it would show what is long past, and hope for the others for ever.
 */
import type { Clock } from "../base/clock.ts"
import { OvlError } from "../base/errors.ts"
import { SERVER_ADMISSION_CHECK_MS, SERVER_ADMISSION_MS, SERVER_REFUSED_CHECKS } from "../base/limits.ts"
import type { Replication } from "../store/replication.ts"
import type { RaftPeerState } from "../transport/raft-port.ts"
import { GONE_ON } from "./server-part.ts"

export interface AdmissionOptions {
  replication: Pick<Replication, "status">
  /** The other servers, as the transport reaches them. */
  peers(): readonly RaftPeerState[]
  /** A recovery that this server began, and that is not over, makes the others strangers to it, not it to them. */
  isRecovering(): boolean
  clock: Clock
}

/**
 * Resolves as soon as a leader is heard, and SERVER_ADMISSION_MS later in any case: without a majority nobody can say.
 * Rejects with `not_member` or `wrong_recovery_epoch` (forbidden) when servers go on saying so and none lets this one in.
 */
export async function awaitAdmission({ replication, peers, isRecovering, clock }: AdmissionOptions): Promise<void> {
  const end = clock.monotonic() + SERVER_ADMISSION_MS
  let refused = 0
  while (replication.status().leader === null && clock.monotonic() < end) {
    const refusal = isRecovering() ? null : refusalOfAll(peers())
    refused = refusal ? refused + 1 : 0
    if (refusal && refused >= SERVER_REFUSED_CHECKS) throw goneOn(refusal)
    await new Promise<void>((resolve) => clock.after(SERVER_ADMISSION_CHECK_MS, resolve))
  }
}

/** What those say that were reached, where none of them lets this server in. */
function refusalOfAll(peers: readonly RaftPeerState[]): OvlError | null {
  if (peers.some(({ connected }) => connected)) return null
  return peers.find(({ lastError }) => lastError && GONE_ON.has(lastError.code))?.lastError ?? null
}

function goneOn(refusal: OvlError): OvlError {
  const why = refusal.code === "not_member" ? "it was removed" : "the cluster was recovered without it"
  return new OvlError(refusal.code, `cannot start this server: ${why} (${refusal.message})`, {
    kind: "forbidden",
    hint: "`ovl down --all` clears it, then `ovl join --server` with a new token",
    cause: refusal,
  })
}
