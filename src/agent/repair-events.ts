/** Repairs told to people: one event for each object that was wrong, saying what was expected of it and what was found. */
import { REPAIRS_TOLD_MAX } from "../base/limits.ts"
import type { Repair } from "./dataplane-repairs.ts"
import type { EventBus } from "./events.ts"

/** REPAIRS_TOLD_MAX of them at most; of the others the last event says how many they are. */
export function tellRepair({ findings, plan }: Repair, events: EventBus): void {
  for (const { object, expected, found } of findings.slice(0, REPAIRS_TOLD_MAX))
    events.emit("repaired", `repaired ${object}: expected ${expected}, found ${found}`, { object, expected, found })
  const count = findings.length
  if (count <= REPAIRS_TOLD_MAX) return
  const more = `${count - REPAIRS_TOLD_MAX}`
  events.emit("repaired", `repaired ${more} more kernel objects`, { more, plan: firstLines(plan) })
}

function firstLines(plan: string): string {
  return plan.trim().split("\n").slice(0, REPAIRS_TOLD_MAX).join("; ")
}
