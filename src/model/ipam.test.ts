import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { FREED_ADDRESSES_MAX } from "../base/limits.ts"
import { formatIpv4, parseIpv4 } from "./cidr.ts"
import { type AddressCursor, addressPool, allocate, NEW_CURSOR, poolCapacity, release, reserve } from "./ipam.ts"

/** A network's addresses as a person would use them; every step says what came out. */
class Pool {
  cursor: AddressCursor = NEW_CURSOR
  readonly taken = new Set<string>()
  readonly pool
  constructor(subnet: string, options: { gateway?: string; ipRange?: string } = {}) {
    const gateway = options.gateway ?? formatIpv4(parseIpv4(subnet.split("/")[0]!)! + 1)
    this.pool = addressPool({ subnets: [{ subnet, gateway }], ipRange: options.ipRange ?? null })
  }
  next(): string {
    const { address, cursor } = allocate(this.pool, this.cursor, (a) => this.taken.has(formatIpv4(a)))
    this.cursor = cursor
    this.taken.add(formatIpv4(address))
    return formatIpv4(address)
  }
  ask(text: string): string {
    this.cursor = reserve(this.pool, this.cursor, parseIpv4(text)!)
    this.taken.add(text)
    return text
  }
  free(text: string): void {
    this.taken.delete(text)
    this.cursor = release(this.pool, this.cursor, parseIpv4(text)!)
  }
}

describe("addresses", () => {
  test("come in order after the gateway, and a freed one only after the others, the longest free first", () => {
    const pool = new Pool("10.65.10.0/29")
    expect([pool.next(), pool.next()]).toEqual(["10.65.10.2", "10.65.10.3"])
    pool.free("10.65.10.3")
    pool.free("10.65.10.2")
    expect([pool.next(), pool.next(), pool.next(), pool.next(), pool.next()]).toEqual([
      "10.65.10.4",
      "10.65.10.5",
      "10.65.10.6",
      "10.65.10.3",
      "10.65.10.2",
    ])
    expect(() => pool.next()).toThrow("no free address in 10.65.10.1 to 10.65.10.6")
  })

  test("that were asked for do not move the order on, and are skipped", () => {
    const pool = new Pool("10.65.10.0/24")
    pool.ask("10.65.10.3")
    expect([pool.next(), pool.next()]).toEqual(["10.65.10.2", "10.65.10.4"])
    pool.ask("10.65.10.5")
    pool.free("10.65.10.5")
    expect(pool.next()).toBe("10.65.10.6")
  })

  test("come out of the range alone, which may end at the subnet's ends and hold the gateway", () => {
    const pool = new Pool("10.65.10.0/24", { ipRange: "10.65.10.252/30", gateway: "10.65.10.253" })
    expect([pool.next(), pool.next()]).toEqual(["10.65.10.252", "10.65.10.254"])
    expect(() => pool.next()).toThrow("no free address")
    expect(pool.ask("10.65.10.9")).toBe("10.65.10.9")
    pool.free("10.65.10.9")
    expect(pool.cursor.freed).toEqual([])
  })

  test.each([
    ["10.65.11.2", "outside the subnet 10.65.10.0/24"],
    ["10.65.10.0", "it is the network address"],
    ["10.65.10.255", "it is the broadcast address"],
    ["10.65.10.1", "it is the gateway's"],
  ])("%p cannot be had", (address, why) => {
    expect(() => new Pool("10.65.10.0/24").ask(address)).toThrow(`address ${address}: ${why}`)
  })

  test("are found without a search, however many are taken", () => {
    const pool = addressPool({ subnets: [{ subnet: "10.0.0.0/8", gateway: "10.0.0.1" }], ipRange: null })
    let cursor = NEW_CURSOR
    let looks = 0
    for (let n = 0; n < 20_000; n++) {
      cursor = allocate(pool, cursor, () => ++looks < 0).cursor
      if (n % 2 === 0) cursor = release(pool, cursor, cursor.last!)
    }
    expect(looks).toBe(20_000)
    expect(cursor.freed.length).toBe(FREED_ADDRESSES_MAX)
    expect(cursor.taken).toBe(10_000)
  })

  test("are never given twice, and the count of what is taken stays true, whatever is done", () => {
    const step = fc.oneof(
      fc.constant({ do: "next" as const }),
      fc.record({ do: fc.constant("free" as const), which: fc.nat() }),
      fc.record({ do: fc.constant("ask" as const), host: fc.integer({ min: 2, max: 14 }) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const pool = new Pool("10.1.1.0/28")
        const freeSince = new Map<string, number>()
        for (const [now, action] of steps.entries()) {
          const before = new Set(pool.taken)
          if (action.do === "free") {
            const gone = [...pool.taken][action.which % Math.max(1, pool.taken.size)]
            if (gone !== undefined) pool.free(gone)
            if (gone !== undefined) freeSince.set(gone, now)
          } else if (action.do === "ask") {
            const wanted = `10.1.1.${action.host}`
            if (!before.has(wanted)) freeSince.delete(pool.ask(wanted))
          } else if (before.size < poolCapacity(pool.pool)) {
            const given = pool.next()
            expect(before.has(given)).toBe(false)
            const others = [...Array(13).keys()].map((n) => `10.1.1.${n + 2}`).filter((ip) => !before.has(ip))
            // Nothing that is free now has been so for longer, or for ever.
            for (const other of others)
              expect(freeSince.get(other) ?? -1).toBeGreaterThanOrEqual(freeSince.get(given) ?? -1)
            freeSince.delete(given)
          } else expect(() => pool.next()).toThrow("no free address")
          expect(pool.cursor.taken).toBe(pool.taken.size)
        }
      }),
    )
  })
})
