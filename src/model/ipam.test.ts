import { describe, expect, test } from "bun:test"
import { asOvlError } from "../base/errors.ts"
import fc from "fast-check"
import { FREED_ADDRESSES_MAX, IPV6_POOL_MAX_ADDRESSES } from "../base/limits.ts"
import { formatIp, parseIp } from "./address.ts"
import {
  type AddressCursor,
  type AddressPool,
  addressPools,
  allocate,
  cursorOf,
  NEW_CURSOR,
  type NetworkCursor,
  poolCapacity,
  poolFor,
  poolWithRoom,
  release,
  reserve,
  withCursor,
} from "./ipam.ts"

/** The gateway is the first address unless said otherwise. */
function poolOf(subnet: string, options: { gateway?: string; ipRange?: string } = {}): AddressPool {
  const base = parseIp(subnet.split("/")[0]!)!
  const gateway = options.gateway ?? formatIp({ ...base, value: base.value + 1n })
  return addressPools({ subnets: [{ subnet, gateway }], ipRange: options.ipRange ?? null })[0]!
}

/** A network's addresses as a person would use them; every step says what came out. */
class Pool {
  cursor: AddressCursor = NEW_CURSOR
  readonly taken = new Set<string>()
  readonly pool
  constructor(subnet: string, options: { gateway?: string; ipRange?: string } = {}) {
    this.pool = poolOf(subnet, options)
  }
  next(): string {
    const { address, cursor } = allocate(this.pool, this.cursor, (a) => this.taken.has(a))
    this.cursor = cursor
    this.taken.add(address)
    return address
  }
  ask(text: string): string {
    this.cursor = reserve(this.pool, this.cursor, text)
    this.taken.add(text)
    return text
  }
  free(text: string): void {
    this.taken.delete(text)
    this.cursor = release(this.pool, this.cursor, text)
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

  test("the hint names only what can be had: not the gateway, where it is at an end", () => {
    const hint = (pool: Pool) => {
      try {
        return pool.ask("10.65.10.255")
      } catch (error) {
        return asOvlError(error).hint
      }
    }
    expect(hint(new Pool("10.65.10.0/24"))).toBe("choose one of 10.65.10.2 to 10.65.10.254")
  })

  test("of IPv6 come in order likewise, and one from far out can be asked for", () => {
    const pool = new Pool("fd00:65:10::/64")
    expect([pool.next(), pool.next()]).toEqual(["fd00:65:10::2", "fd00:65:10::3"])
    pool.ask("fd00:65:10::4")
    expect(pool.ask("fd00:65:10::dead:beef:0:1")).toBe("fd00:65:10::dead:beef:0:1")
    expect([pool.next(), pool.cursor.taken]).toEqual(["fd00:65:10::5", 4])
    pool.free("fd00:65:10::dead:beef:0:1")
    expect([pool.cursor.taken, pool.cursor.freed]).toEqual([4, []])
    expect(() => pool.ask("fd00:65:11::2")).toThrow("outside the subnet fd00:65:10::/64")
    expect(() => pool.ask("fd00:65:10::")).toThrow("it is the subnet's router anycast address")
    expect(() => pool.ask("fd00:65:10::1")).toThrow("it is the gateway's")
  })

  test("of a small IPv6 subnet are used up, its last one too; a range may begin anywhere", () => {
    const small = new Pool("fd00::/126")
    expect([small.next(), small.next()]).toEqual(["fd00::2", "fd00::3"])
    expect(() => small.next()).toThrow("no free address in fd00::1 to fd00::3")
    small.free("fd00::2")
    expect(small.next()).toBe("fd00::2")
    const range = new Pool("fd00::/64", { ipRange: "fd00::8000:0:0:0/65" })
    expect([range.next(), range.next()]).toEqual(["fd00::8000:0:0:0", "fd00::8000:0:0:1"])
    expect(poolCapacity(range.pool)).toBe(IPV6_POOL_MAX_ADDRESSES + 1)
  })

  test("are found without a search, however many are taken (pain 24)", () => {
    const pool = poolOf("10.0.0.0/8")
    let cursor = NEW_CURSOR
    let looks = 0
    for (let n = 0; n < 20_000; n++) {
      const given = allocate(pool, cursor, () => ++looks < 0)
      cursor = n % 2 === 0 ? release(pool, given.cursor, given.address) : given.cursor
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

test("of several subnets the next is begun when the first is full, each with its own order and its own freed ones", () => {
  const subnets = [
    { subnet: "10.1.0.0/30", gateway: "10.1.0.1" },
    { subnet: "10.2.0.0/29", gateway: "10.2.0.1" },
    { subnet: "fd00::/126", gateway: "fd00::1" },
    { subnet: "fd01::/126", gateway: "fd01::1" },
  ]
  const pools = addressPools({ subnets, ipRange: null })
  expect(pools.map(({ isFirst, gateway }) => `${gateway} ${isFirst}`)).toEqual([
    "10.1.0.1 true",
    "10.2.0.1 false",
    "fd00::1 true",
    "fd01::1 false",
  ])
  let kept: NetworkCursor = NEW_CURSOR
  const taken = new Set<string>()
  const next = (family: 4 | 6) => {
    const pool = poolWithRoom(
      pools.filter(({ subnet }) => subnet.family === family),
      kept,
    )
    const { address, cursor } = allocate(pool, cursorOf(kept, pool), (each) => taken.has(each))
    kept = withCursor(kept, pool, cursor)
    taken.add(address)
    return address
  }
  const free = (address: string) => {
    const pool = poolFor(pools, address)!
    kept = withCursor(kept, pool, release(pool, cursorOf(kept, pool), address))
    taken.delete(address)
  }
  expect([next(4), next(4), next(4)]).toEqual(["10.1.0.2", "10.2.0.2", "10.2.0.3"])
  free("10.2.0.2")
  expect(next(4)).toBe("10.2.0.4")
  // A place in the first is taken again before the next subnet goes on.
  free("10.1.0.2")
  expect([next(4), next(4)]).toEqual(["10.1.0.2", "10.2.0.5"])
  expect([next(6), next(6), next(6)]).toEqual(["fd00::2", "fd00::3", "fd01::2"])
  expect([next(4), next(4)]).toEqual(["10.2.0.6", "10.2.0.2"])
  expect(() => next(4)).toThrow("no free address in 10.1.0.1 to 10.1.0.2, 10.2.0.1 to 10.2.0.6")
  expect(next(6)).toBe("fd01::3")
  expect(poolFor(pools, "10.3.0.1")).toBeUndefined()
})
