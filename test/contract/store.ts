/** What every implementation of the store port is held to. */
import { afterEach, beforeEach, describe } from "bun:test"
import { dataContract } from "./store-data.ts"
import { StoreFixture, type StoreHarness } from "./store-fixture.ts"
import { liveContract } from "./store-live.ts"
import { sessionContract } from "./store-sessions.ts"
import { snapshotContract } from "./store-snapshots.ts"
import { verbContract } from "./store-verbs.ts"
import { waitContract } from "./store-waits.ts"

export function storeContract(name: string, makeHarness: () => StoreHarness): void {
  describe(`store contract: ${name}`, () => {
    const at = new StoreFixture()
    at.remake = makeHarness
    beforeEach(() => at.setUp(makeHarness()))
    afterEach(() => at.tearDown())
    dataContract(at)
    liveContract(at)
    verbContract(at)
    sessionContract(at)
    waitContract(at)
    snapshotContract(at)
  })
}
