/** Random sequences of commands, on the real stores and on the naive model: both must come to the same, reopened or not. */
import { expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { OvlError } from "../../src/base/errors.ts"
import { silentLog } from "../../src/base/log.ts"
import { openLoneStore } from "../../src/store/embedded.ts"
import { openMemoryStore } from "../../src/store/memory.ts"
import type { Store } from "../../src/store/port.ts"
import { ManualClock } from "../../src/base/manual-clock.ts"
import { settled, show } from "./store-fixture.ts"
import { LEASES, PREFIXES, type Step, StoreModel, steps } from "./store-model.ts"

const TTL_MS = 10_000

interface Opened {
  open(clock: ManualClock): Promise<Store>
  reopens: boolean
}

/** What a watch has been told, folded into the keys that it must believe there are. */
class Follower {
  readonly keys = new Map<string, number>()
  revisions: number[] = []

  follow(store: Store, from: number): void {
    store.watch(
      "",
      from,
      ({ revision, events }) => {
        this.revisions.push(revision)
        for (const { key, entry } of events) {
          if (entry) this.keys.set(key, entry.modRevision)
          else this.keys.delete(key)
        }
      },
      () => {},
    )
  }
}

async function play(sequence: Step[], opened: Opened, check: (store: Store, model: StoreModel) => void): Promise<void> {
  const clock = new ManualClock()
  const model = new StoreModel()
  const follower = new Follower()
  let store = await opened.open(clock)
  follower.follow(store, 0)
  try {
    for (const step of sequence) {
      if (step.step === "reopen" && opened.reopens) {
        await settled(store)
        await store.close()
        store = await opened.open(clock)
        follower.follow(store, store.revision)
      } else await perform(step, store, model, clock)
      await settled(store)
      expect(store.revision).toBe(model.revision)
      expect(listing(store, "")).toEqual(model.show())
      expect(
        store
          .leases()
          .map((lease) => lease.id)
          .sort(),
      ).toEqual([...model.leases].sort())
      check(store, model)
      const believed = [...follower.keys].map(([key, revision]) => `${key} ${revision}`)
      const there = [...model.entries].map(([key, entry]) => `${key} ${entry.modRevision}`)
      expect(believed.sort()).toEqual(there.sort())
    }
    for (const prefix of PREFIXES) expect(listing(store, prefix)).toEqual(model.show(prefix))
    expect(follower.revisions).toEqual([...new Set(model.changes.map(({ revision }) => revision))])
  } finally {
    await store.close()
  }
}

async function perform(step: Step, store: Store, model: StoreModel, clock: ManualClock): Promise<void> {
  switch (step.step) {
    case "transact": {
      const asked = step.burst.map((transaction) =>
        store.transact(transaction).catch((thrown: unknown) => (thrown instanceof OvlError ? thrown.code : thrown)),
      )
      const wanted = step.burst.map(({ compare, operations }) => model.transact(compare, operations))
      expect(await Promise.all(asked)).toEqual(wanted)
      return
    }
    case "grant":
      model.grant(step.lease)
      await store.grantLease(step.lease, TTL_MS)
      return
    case "revoke":
      model.end([step.lease])
      await store.revokeLease(step.lease)
      return
    case "expire":
      model.end(LEASES)
      clock.advance(2 * TTL_MS)
      return
    case "reopen":
      return
  }
}

function listing(store: Store, prefix: string): string[] {
  return store.range(prefix).entries.map((entry) => `${show(entry)} since ${entry.createRevision}`)
}

function exactLastChanges(store: Store, model: StoreModel): void {
  const shown = (last: (prefix: string) => number) => PREFIXES.map((prefix) => `${prefix.slice(-9)} ${last(prefix)}`)
  expect(shown((prefix) => store.lastChange(prefix))).toEqual(shown((prefix) => model.lastChange(prefix)))
}

/** With few tombs the answer may be higher than the truth; it is never lower, nor does it ever go back. */
function safeLastChanges(): (store: Store, model: StoreModel) => void {
  const before = new Map<string, number>()
  return (store, model) => {
    for (const prefix of PREFIXES) {
      const last = store.lastChange(prefix)
      expect(last).toBeGreaterThanOrEqual(Math.max(model.lastChange(prefix), before.get(prefix) ?? 0))
      expect(last).toBeLessThanOrEqual(model.revision)
      before.set(prefix, last)
    }
  }
}

async function onDisk<T>(use: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), "ovl-store-"))
  try {
    return await use(dir)
  } finally {
    rmSync(dir, { recursive: true })
  }
}

test("memory, like the model", async () => {
  const opened = { open: async (clock: ManualClock) => openMemoryStore({ clock }), reopens: false }
  await fc.assert(
    fc.asyncProperty(steps, (sequence) => play(sequence, opened, exactLastChanges)),
    { numRuns: 60 },
  )
}, 60_000)

test("embedded, like the model, reopened in between", async () => {
  const property = fc.asyncProperty(steps, (sequence) =>
    onDisk((dir) => {
      const open = (clock: ManualClock) => openLoneStore({ dir, clock, log: silentLog })
      return play(sequence, { open, reopens: true }, exactLastChanges)
    }),
  )
  await fc.assert(property, { numRuns: 25 })
}, 60_000)

test("with few tombs, last changes are never too low and never go back", async () => {
  const opened = { open: async (clock: ManualClock) => openMemoryStore({ clock, tombstonesMax: 3 }), reopens: false }
  const property = fc.asyncProperty(steps, (sequence) => play(sequence, opened, safeLastChanges()))
  await fc.assert(property, { numRuns: 60 })
}, 60_000)
