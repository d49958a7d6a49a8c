/** What every implementation of the store port is held to. */
import { afterEach, beforeEach, describe } from "bun:test"
import { dataContract } from "./store-data.ts"
import { StoreFixture, type StoreHarness } from "./store-fixture.ts"
import { liveContract } from "./store-live.ts"

export function storeContract(name: string, makeHarness: () => StoreHarness): void {
  describe(`store contract: ${name}`, () => {
    const at = new StoreFixture()
    beforeEach(() => at.setUp(makeHarness()))
    afterEach(() => at.tearDown())
    dataContract(at)
    liveContract(at)
  })
}
