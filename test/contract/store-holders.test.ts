import { expect, test } from "bun:test"
import { ManualClock } from "../../src/base/manual-clock.ts"
import { Holders } from "../../src/store/holders.ts"

test("time runs for holders on a leader only, and anew from when it leads", () => {
  const clock = new ManualClock()
  const expired: string[] = []
  const holders = new Holders(clock, (gone) => void expired.push(...gone.map(({ id }) => id)))
  holders.start("lease", { ttlMs: 1_000, grantRevision: 1 }, false)
  holders.start("session", { ttlMs: 1_000, grantRevision: 2 }, true)
  clock.advance(5_000)
  expect([expired, holders.renewLease("lease"), holders.renewSession("session")]).toEqual([[], null, false])
  holders.lead(true)
  clock.advance(900)
  expect(holders.renewLease("lease")).toEqual({ id: "lease", ttlMs: 1_000 })
  holders.lead(false)
  clock.advance(5_000)
  expect([expired, clock.timers, holders.renewLease("lease")]).toEqual([[], 0, null])
  holders.lead(true)
  clock.advance(900)
  expect(expired).toEqual([])
  // A session has twice its time before it ends.
  clock.advance(5_000)
  expect([...expired].sort()).toEqual(["lease", "session"])
  holders.close()
})
