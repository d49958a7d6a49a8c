/** Random transactions of Consul's verbs, and lives of sessions, on the real stores and on the naive model. */
import { expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { silentLog } from "../../src/base/log.ts"
import { openLoneStore } from "../../src/store/embedded.ts"
import { openMemoryStore } from "../../src/store/memory.ts"
import type { KvResult, Store } from "../../src/store/port.ts"
import { ManualClock } from "../../src/base/manual-clock.ts"
import { settled } from "./store-fixture.ts"
import { full, IDS, PREFIXES, sorted, type VerbStep, VerbsModel, verbSteps } from "./store-verbs-model.ts"

type Open = (clock: ManualClock) => Promise<Store>

class Play {
  readonly clock = new ManualClock()
  readonly model = new VerbsModel()
  readonly #open: Open
  readonly #reopens: boolean
  store!: Store
  /** Whoever waits for a key is woken when it changes, and only then. */
  readonly #woken = new Set<string>()
  readonly #waits = new Map<string, { cancel(): void }>()

  constructor(open: Open, reopens: boolean) {
    this.#open = open
    this.#reopens = reopens
  }

  async run(sequence: VerbStep[]): Promise<void> {
    this.store = await this.#open(this.clock)
    try {
      for (const step of sequence) {
        this.#waitForAll()
        const known = this.model.changes.length
        const restored = await this.#perform(step)
        await settled(this.store)
        this.#compare()
        if (!restored) this.#compareWoken(known)
      }
      for (const separator of ["/", "b", "\xff"])
        for (const prefix of PREFIXES)
          expect(this.store.keys(prefix, separator).names).toEqual(cutNames(this.model, prefix, separator))
    } finally {
      await this.store.close()
    }
  }

  async #perform(step: VerbStep): Promise<boolean> {
    const { store, model, clock } = this
    switch (step.step) {
      case "kv": {
        const asked = step.burst.map((verbs) => store.kv(verbs))
        const wanted = step.burst.map((verbs) => model.kv(verbs, clock.monotonic()))
        expect((await Promise.all(asked)).map(answer)).toEqual(wanted)
        return false
      }
      case "open": {
        const there = model.sessions.has(step.id)
        const opened = store.createSession({ id: step.id, name: "", ttl: "", ...step.session })
        if (there) await expect(opened).rejects.toThrow("there is one")
        else model.open(step.id, step.session)
        if (!there) expect((await opened).createRevision).toBe(model.revision)
        return false
      }
      case "end":
        model.end([step.id], clock.monotonic())
        await store.destroySession(step.id)
        return false
      case "invalidate": {
        const ids = IDS.filter((id) => model.sessions.get(id)?.node === step.node)
        const failed = ids.filter((id) => model.sessions.get(id)!.checks.includes("serfHealth"))
        model.end(failed, clock.monotonic())
        expect(await store.invalidateNode(step.node)).toBe(failed.length)
        return false
      }
      case "wait":
        clock.advance(2_000)
        for (const id of IDS) await store.renewSession(id).catch(() => {})
        return false
      case "expire":
        await this.#expire()
        return false
      case "reopen":
        if (this.#reopens) await this.#reopen()
        return this.#reopens
      case "restore":
        await this.#restore()
        return true
    }
  }

  async #expire(): Promise<void> {
    for (const id of IDS) await this.store.renewSession(id).catch(() => {})
    const due = this.clock.monotonic() + 12_000
    this.clock.advance(12_000)
    this.model.end(
      IDS.filter((id) => this.model.sessions.get(id)?.ttlMs),
      due,
    )
    await settled(this.store)
    this.clock.advance(60_000)
  }

  async #reopen(): Promise<void> {
    await settled(this.store)
    await this.store.close()
    this.#waits.clear()
    this.model.delays.clear()
    this.store = await this.#open(this.clock)
  }

  /** Of what there is: nothing but the revision changes. */
  async #restore(): Promise<void> {
    const pieces: Uint8Array[] = []
    for await (const piece of this.store.exportSnapshot({ areas: [""] }).chunks) pieces.push(piece)
    const fresh = this.store.lastChange("") === 0
    await this.store.importSnapshot(
      (async function* () {
        yield* pieces
      })(),
      { areas: [""] },
    )
    expect(fresh || this.#waits.size === 0 || this.#woken.size > 0).toBe(true)
    this.model.revision++
    this.model.sessionsRevision = this.model.revision
    for (const prefix of PREFIXES) {
      const last = this.store.lastChange(prefix)
      expect(last).toBeGreaterThanOrEqual(this.model.lastChange(prefix))
      expect(last).toBeLessThanOrEqual(this.model.revision)
    }
    this.#restored = true
  }

  #restored = false

  #compare(): void {
    const { store, model } = this
    expect([store.revision, store.lastSessionChange()]).toEqual([model.revision, model.sessionsRevision])
    expect(store.range("").entries.map(full)).toEqual(sorted(model.state).map(full))
    expect(store.sessions().map(({ id }) => id)).toEqual([...model.sessions.keys()].sort())
    const last = (lastChange: (prefix: string) => number) => PREFIXES.map((prefix) => lastChange(prefix))
    if (this.#restored)
      for (const prefix of PREFIXES) expect(store.lastChange(prefix)).toBeGreaterThanOrEqual(model.lastChange(prefix))
    else expect(last((prefix) => store.lastChange(prefix))).toEqual(last((prefix) => model.lastChange(prefix)))
  }

  #waitForAll(): void {
    this.#woken.clear()
    for (const prefix of PREFIXES)
      for (const kind of ["key", "prefix"]) {
        const name = `${kind} ${prefix}`
        this.#waits.get(name)?.cancel()
        const target = kind === "key" ? { key: prefix } : { prefix }
        this.#waits.set(
          name,
          this.store.waitFor(target, () => this.#woken.add(name)),
        )
      }
  }

  #compareWoken(known: number): void {
    const changed = this.model.changes.slice(known).map(({ key }) => key)
    const wanted = PREFIXES.flatMap((prefix) => [
      ...(changed.includes(prefix) ? [`key ${prefix}`] : []),
      ...(changed.some((key) => key.startsWith(prefix)) ? [`prefix ${prefix}`] : []),
    ])
    expect([...this.#woken].sort()).toEqual([...new Set(wanted)].sort())
  }
}

function answer(result: KvResult): unknown {
  const { revision } = result
  return result.ok
    ? { revision, results: result.results.map(({ index, entry }) => `${index} ${full(entry)}`) }
    : { revision, problems: result.problems.map(({ index, code }) => `${index} ${code}`) }
}

function cutNames(model: VerbsModel, prefix: string, separator: string): string[] {
  const below = sorted(model.state).filter(({ key }) => key.startsWith(prefix))
  const names = below.map(({ key }) => {
    const at = key.indexOf(separator, prefix.length)
    return at < 0 ? key : key.slice(0, at + separator.length)
  })
  return [...new Set(names)]
}

test("memory, like the model", async () => {
  const open: Open = async (clock) => openMemoryStore({ clock })
  const property = fc.asyncProperty(verbSteps, (sequence) => new Play(open, false).run(sequence))
  await fc.assert(property, { numRuns: 150 })
}, 60_000)

test("embedded, like the model, reopened in between", async () => {
  const property = fc.asyncProperty(verbSteps, async (sequence) => {
    const dir = mkdtempSync(join(tmpdir(), "ovl-store-"))
    try {
      await new Play((clock) => openLoneStore({ dir, clock, log: silentLog }), true).run(sequence)
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
  await fc.assert(property, { numRuns: 40 })
}, 60_000)
