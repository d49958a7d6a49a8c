/** The way from this member to the one that leads, as those who send it something need it. */
import type { PeerConnection } from "../transport/port.ts"

export interface LeaderLink {
  /**
   * A connection to the leader of the moment, standing or new. Rejects, and then nothing was sent, with `no_leader` where
   * none is known, or where it is this member itself; with `leader_unreachable`, and with what it says where it refuses
   * this member. All but the last are of kind unavailable.
   */
  connection(): Promise<PeerConnection>
  /** Ends the connection for good. */
  close(): void
}
