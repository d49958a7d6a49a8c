/** What the parts of the store's contract share: a store that is opened anew for each test, and short ways to use it. */
import { OvlError } from "../../src/base/errors.ts"
import type { Entry, Operation, Store, TransactionResult, Watch, WatchBatch } from "../../src/store/port.ts"
import { ManualClock } from "../../src/base/manual-clock.ts"

/** One place where stores are opened; `open` again, after a close, gives what is kept. */
export interface StoreHarness {
  open(clock: ManualClock): Promise<Store>
  /** False where a store is gone when it is closed. */
  keeps: boolean
  cleanUp(): void
}

const utf8 = new TextEncoder()
export const put = (key: string, value = "v", more: { lease?: string | null; flags?: bigint } = {}): Operation => ({
  op: "put",
  key,
  value: utf8.encode(value),
  ...more,
})
export const remove = (key: string): Operation => ({ op: "delete", key })

/** `a/b=v @3` for an entry put at revision 3. */
export function show(entry: Entry): string {
  const flags = entry.flags ? ` flags ${entry.flags}` : ""
  const lease = entry.lease === null ? "" : ` lease ${entry.lease}`
  return `${entry.key}=${Buffer.from(entry.value)} @${entry.modRevision}${flags}${lease}`
}

export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return "ok"
  } catch (thrown) {
    return thrown instanceof OvlError ? thrown.code : `not an OvlError: ${thrown}`
  }
}

/** Lets commits and watches that are under way come to their end. */
export async function settled(store: Store): Promise<void> {
  await store.transact({ operations: [] })
  await new Promise((resolve) => setTimeout(resolve, 0))
}

export const prefix = (start: string, except?: string[]): Operation => ({ op: "deletePrefix", prefix: start, except })

function showBatch(batch: WatchBatch): string {
  const events = batch.events.map(({ key, entry }) => (entry ? `${key}=${Buffer.from(entry.value)}` : `${key} gone`))
  return `${batch.revision}: ${events.join(" ")}`
}

/** The store of the present test. */
export class StoreFixture {
  harness!: StoreHarness
  clock!: ManualClock
  store!: Store
  /** A harness for a store that knows nothing of this one. */
  remake!: () => StoreHarness

  async setUp(harness: StoreHarness): Promise<void> {
    this.harness = harness
    this.clock = new ManualClock()
    this.store = await harness.open(this.clock)
  }

  async tearDown(): Promise<void> {
    await this.store.close()
    this.harness.cleanUp()
  }

  async reopen(): Promise<void> {
    await this.store.close()
    this.store = await this.harness.open(this.clock)
  }

  act(...operations: Operation[]): Promise<TransactionResult> {
    return this.store.transact({ operations })
  }

  listed(start: string, options?: { after?: string; limit?: number }): string[] {
    return this.store.range(start, options).entries.map((entry) => entry.key)
  }

  /** A watch that writes down what it is called with, a line each. */
  watched(start: string, from: number = this.store.revision): { lines: string[]; watch: Watch } {
    const lines: string[] = []
    const watch = this.store.watch(
      start,
      from,
      (batch) => lines.push(showBatch(batch)),
      (error) => lines.push(error.code),
    )
    return { lines, watch }
  }
}
