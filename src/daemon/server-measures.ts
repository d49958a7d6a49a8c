/** What a server counts of its store and of its connections to the others, for `/metrics`. */
import { statSync } from "node:fs"
import { join } from "node:path"
import { counter, gauge, type Measure } from "../base/measures.ts"
import type { StoreCounters } from "../store/replicated/counters.ts"
import type { RaftPeerState } from "../transport/raft-port.ts"

export function peerMeasures(peers: readonly RaftPeerState[]): Measure[] {
  const each = (value: (peer: RaftPeerState) => number): Measure["values"] =>
    peers.map((peer) => [{ id: peer.nodeId, address: peer.address }, value(peer)] as const)
  return [
    {
      name: "ovl_raft_peer_connected",
      type: "gauge",
      help: "1 while the connections to another server stand",
      values: each(({ connected }) => (connected ? 1 : 0)),
    },
    {
      name: "ovl_raft_peer_queued_bytes",
      type: "gauge",
      help: "Bytes that wait to be sent to another server",
      values: each(({ queuedBytes }) => queuedBytes),
    },
    {
      name: "ovl_raft_peer_dropped_messages_total",
      type: "counter",
      help: "Messages to another server that were given up; Raft sends anew what matters",
      values: each(({ droppedMessages }) => droppedMessages),
    },
  ]
}

/** `dataDir`: where the store keeps its file. */
export function storeMeasures(counters: StoreCounters, dataDir: string): Measure[] {
  const { commits, commitMs, proposals, electionsWon, leaderChanges, snapshotsSent, snapshotsInstalled } = counters
  const bytes = statSync(join(dataDir, "store/data.mdb"), { throwIfNoEntry: false })?.size
  return [
    counter("ovl_store_commits_total", "Commits to this server's disk", commits),
    counter("ovl_store_commit_seconds_total", "How long they took altogether", commitMs / 1_000),
    ...(bytes === undefined ? [] : [gauge("ovl_store_bytes", "Bytes of the store's file, free pages included", bytes)]),
    gauge("ovl_raft_log_bytes", "About how many bytes the entries in this server's log take", counters.logBytes),
    counter("ovl_raft_proposals_total", "Commands that this server put into the log while it led", proposals),
    counter("ovl_raft_elections_won_total", "How often this server has come to lead", electionsWon),
    counter("ovl_raft_leader_changes_total", "How often this server saw another leader than before", leaderChanges),
    counter("ovl_raft_snapshots_sent_total", "Whole states offered to servers that lagged too far", snapshotsSent),
    counter("ovl_raft_snapshots_installed_total", "Whole states that took the place of its own", snapshotsInstalled),
  ]
}
