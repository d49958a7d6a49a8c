/** What a batch of changes means to a person who watches the cluster. */
import type { Change, ChangeBatch } from "../model/catalog.ts"
import type { EventBus } from "./events.ts"

/** A snapshot is no news: it tells what has long been so. */
export function tellChanges(batch: ChangeBatch, events: EventBus): void {
  if (batch.snapshot) return
  for (const change of batch.changes) tell(change, events)
}

function tell(change: Change, events: EventBus): void {
  switch (change.type) {
    case "network":
      if (change.value) {
        const { name, vni } = change.value
        events.emit("network_created", `network ${name} is there, VNI ${vni}`, { network: name, id: change.id })
      } else events.emit("network_removed", `network ${change.id.slice(0, 10)} is gone`, { id: change.id })
      return
    case "node":
      if (!change.value) events.emit("node_removed", `node ${change.id.slice(0, 10)} is gone`, { id: change.id })
      else {
        const { name, address, state } = change.value
        events.emit("node_changed", `node ${name} at ${address}: ${state}`, { node: name, address })
      }
      return
    case "alive":
      if (change.value) events.emit("node_alive", `node ${change.id.slice(0, 10)} is heard from`, { id: change.id })
      else events.emit("node_failed", `node ${change.id.slice(0, 10)} is not heard from`, { id: change.id })
      return
    case "endpoint":
      // Its own node tells of it.
      return
  }
}
