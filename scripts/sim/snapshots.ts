/** Snapshots on their way from server to server: the state of the one, as it was when it was offered, or nothing. */
import type { SnapshotOffer } from "../../src/store/replicated/port.ts"
import { SimStage } from "./disk.ts"
import type { SimServer } from "./server.ts"
import type { World } from "./world.ts"

export class Snapshots {
  private readonly world: World

  constructor(world: World) {
    this.world = world
  }

  /** A server begins to pull what it was offered. */
  fetch(receiver: SimServer, offer: SnapshotOffer, alive: () => boolean): void {
    const { world } = this
    const { chance, plan, tally } = world
    const breaks = chance.happens(world.calm ? 0 : plan.members.breakRate)
    const delayMs = chance.exponential(world.calm ? 5 : plan.members.snapshotMs)
    world.agenda.after(delayMs, () => {
      if (!alive()) return tally.add("snapshot broke off")
      receiver.whenAwake(() => {
        const sender = world.server(offer.from)
        const tables = sender?.isUp && !breaks ? sender.driver?.keptState(offer.index) : undefined
        if (tables === undefined) {
          tally.add("snapshot broke off")
          return receiver.do("misses the snapshot of", offer.from, (driver) => driver.snapshotFetched(null))
        }
        const stage = new SimStage(tables, { index: offer.index, term: offer.term })
        receiver.do("has the snapshot of", offer.from, (driver) => driver.snapshotFetched(stage))
        if (stage.discarded) tally.add("snapshot not needed any more")
      })
    })
  }
}
