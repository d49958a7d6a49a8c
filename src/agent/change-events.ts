/** What a batch of changes means to a person who watches the cluster. */
import type { Catalog, Change, ChangeBatch } from "../model/catalog.ts"
import type { EventBus } from "./events.ts"

/** A snapshot is no news: it tells what has long been so. */
export function tellChanges(batch: ChangeBatch, catalog: Catalog, events: EventBus): void {
  if (batch.snapshot) return
  for (const change of batch.changes) tell(change, catalog, events)
}

function tell(change: Change, catalog: Catalog, events: EventBus): void {
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
    case "alive": {
      const node = catalog.nodes.get(change.id)
      // One that has left is not missed.
      if (node?.state !== "member") return
      if (change.value) events.emit("node_alive", `node ${node.name} is heard from`, { node: node.name })
      else events.emit("node_failed", `node ${node.name} is not heard from`, { node: node.name })
      return
    }
    case "endpoint":
      // Its own node tells of it.
      return
  }
}
