import { describe, expect, test } from "bun:test"
import { OvlError } from "../base/errors.ts"
import { DECISION_ATTEMPTS_MAX, DECISION_QUEUE_MAX_CALLS } from "../base/limits.ts"
import { systemClock } from "../linux/system.ts"
import { openMemoryStore } from "../store/memory.ts"
import type { Store } from "../store/port.ts"
import { put, readVersioned } from "./codec.ts"
import { Decisions } from "./decisions.ts"

const open = () => {
  const store = openMemoryStore({ clock: systemClock })
  return { store, decisions: new Decisions(store) }
}

const increment = (store: ReturnType<typeof open>["store"], seen: number[]) => () => {
  const { value = 0, modRevision } = readVersioned<number>(store, "ovl/n")
  seen.push(value)
  return { compare: [{ key: "ovl/n", modRevision }], operations: [put("ovl/n", value + 1)], result: value + 1 }
}

describe("decisions", () => {
  test("about the same thing wait for each other; others are made again when they met", async () => {
    const { store, decisions } = open()
    const seen: number[] = []
    const queued = await Promise.all([1, 2, 3, 4].map(() => decisions.run(["n"], increment(store, seen))))
    expect(queued.map(({ result }) => result)).toEqual([1, 2, 3, 4])
    expect(seen).toEqual([0, 1, 2, 3])
    const apart = await Promise.all(["a", "b", "c"].map((word) => decisions.run([word], increment(store, seen))))
    expect(apart.map(({ result }) => result).sort()).toEqual([5, 6, 7])
    expect(seen.length).toBeGreaterThan(7)
  })

  test("wait for all that they are about, in whatever order it is named", async () => {
    const { store, decisions } = open()
    const seen: number[] = []
    const about = [["a", "b"], ["b", "a"], ["b"], ["a"], ["a", "b"]]
    await Promise.all(about.map((words) => decisions.run(words, increment(store, seen))))
    expect(seen.slice(0, 2)).toEqual([0, 1])
  })

  test("that never hold are given up", async () => {
    const { decisions } = open()
    let tries = 0
    const never = decisions.run(["n"], () => {
      tries++
      return { compare: [{ key: "ovl/n", exists: true }], operations: [put("ovl/n", 1)], result: null }
    })
    await expect(never).rejects.toThrow("too many changes at once")
    expect(tries).toBe(DECISION_ATTEMPTS_MAX)
    expect((await decisions.run(["n"], () => ({ compare: [], operations: [], result: 7 }))).result).toBe(7)
  })

  test("that refuse on old state are made again on the newest, and let the next one by", async () => {
    const { store } = open()
    // A server that follows: what others wrote is here once the barrier was passed.
    const barrier = async () => void (await store.transact({ operations: [put("ovl/x", 1)] }))
    const behind = new Proxy(store, {
      get: (target, property: keyof Store) => {
        const value = target[property]
        if (property === "barrier") return barrier
        return typeof value === "function" ? value.bind(target) : value
      },
    })
    let looks = 0
    const late = await new Decisions(behind).run(["n"], () => {
      looks++
      if (store.get("ovl/x")) return { compare: [], operations: [], result: "now it is there" }
      throw new OvlError("not_there", "x: not there")
    })
    expect([late.result, looks]).toEqual(["now it is there", 2])
    const decisions = new Decisions(store)
    const refused = decisions.run(["n"], () => {
      throw new OvlError("no", "no")
    })
    await expect(refused).rejects.toThrow("no")
    expect((await decisions.run(["n"], () => ({ compare: [], operations: [], result: 7 }))).result).toBe(7)
  })

  test("wait in a queue that has an end", async () => {
    const { decisions } = open()
    const { promise, resolve } = Promise.withResolvers<void>()
    const held = Array.from({ length: DECISION_QUEUE_MAX_CALLS }, () => decisions.exclusively("n", () => promise))
    await expect(decisions.exclusively("m", () => promise)).rejects.toThrow("too many calls are waiting")
    resolve()
    await Promise.all(held)
    expect(await decisions.exclusively("m", async () => 1)).toBe(1)
  })
})
