/** What a member counts of its own doing since its start, for whoever watches it (`/metrics`). */

export interface StoreCounters {
  /** Rounds that reached the disk, and how long they took altogether, in milliseconds. */
  commits: number
  commitMs: number
  /** Commands that this member, leading, has put into the log. */
  proposals: number
  /** How often it has come to lead, and how often it has seen another leader than before. */
  electionsWon: number
  leaderChanges: number
  /** Whole states offered to members that lag too far, and those that have taken the place of its own. */
  snapshotsSent: number
  snapshotsInstalled: number
  /** About how many bytes the data of the entries in its log take. */
  logBytes: number
}

/** The driver's part of them. */
export type DriverCounters = Omit<StoreCounters, "commits" | "commitMs" | "logBytes">

export function newDriverCounters(): DriverCounters {
  return { proposals: 0, electionsWon: 0, leaderChanges: 0, snapshotsSent: 0, snapshotsInstalled: 0 }
}
