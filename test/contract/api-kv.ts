/**
 * What the KV suites share: each of their tests is asked of a server over TCP, and of a client that passes everything on
 * to one.
 */
import { afterAll, beforeAll, describe, expect } from "bun:test"
import { type Fixture, openFixture } from "./api-fixture.ts"

export interface Kv {
  readonly fixture: Fixture
  ask(method: string, path: string, body?: BodyInit, headers?: HeadersInit): Promise<Response>
  /** Status and body in one line. */
  text(method: string, path: string, body?: string): Promise<string>
  entry(key: string): Promise<Record<string, unknown>>
  index(path: string): Promise<number>
  /** Deletes all keys that may be deleted. */
  fresh(): Promise<void>
}

export function onBothRoles(title: string, tests: (kv: Kv) => void): void {
  for (const role of ["server", "client"] as const) {
    describe(`${title}, on a ${role}`, () => {
      let fixture: Fixture
      beforeAll(async () => {
        fixture = await openFixture({ role })
        await fixture.client.createNetwork({ name: "red", subnets: [{ subnet: "10.65.10.0/24" }] })
      })
      afterAll(() => fixture.close())

      const ask: Kv["ask"] = (method, path, body, headers) =>
        fetch(`${fixture.url}${path}`, { method, body, headers, redirect: "manual" })
      tests({
        get fixture() {
          return fixture
        },
        ask,
        async text(method, path, body) {
          const answer = await ask(method, path, body)
          return `${answer.status} ${await answer.text()}`
        },
        async entry(key) {
          const [first] = (await (await ask("GET", `/v1/kv/${key}`)).json()) as Record<string, unknown>[]
          return first!
        },
        async index(path) {
          return Number((await ask("GET", path)).headers.get("x-consul-index"))
        },
        async fresh() {
          await ask("DELETE", "/v1/kv/?recurse")
        },
      })
    })
  }
}

/** Until so many blocking queries wait: what is written from then on must wake them. */
export async function waitingFor(fixture: Fixture, count = 1): Promise<void> {
  while (fixture.waiters < count) await Bun.sleep(1)
}

/** Until none waits any more, neither here nor in the store. */
export async function nobodyWaits(fixture: Fixture): Promise<void> {
  while (fixture.waiters > 0) await Bun.sleep(1)
  expect(fixture.storeWaits).toBe(0)
}
