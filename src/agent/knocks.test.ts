import { expect, test } from "bun:test"
import { silentLog } from "../base/log.ts"
import { listenForKnocks, whereToLook } from "./knocks.ts"

test("where it came from, at the ports that servers have", () => {
  expect(whereToLook("192.168.1.71", ["192.168.1.51:8300"])).toEqual(["192.168.1.71:8300"])
  expect(whereToLook("::ffff:192.168.1.71", ["192.168.1.51:8300", "192.168.1.52:9300"])).toEqual([
    "192.168.1.71:8300",
    "192.168.1.71:9300",
  ])
  expect(whereToLook("fd00::71", ["[fd00::51]:8300"])).toEqual(["[fd00::71]:8300"])
  expect(whereToLook("192.168.1.71", [])).toEqual([])
})

test("a knock is heard and hung up on; a port that is taken does no harm", async () => {
  const heard: string[] = []
  const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } })
  const bind = { host: "127.0.0.1", port: taken.port }
  const options = { bind, servers: () => ["10.0.0.1:8300"], onKnock: (all: string[]) => heard.push(...all) }
  listenForKnocks({ ...options, log: silentLog }).close()
  taken.stop(true)
  const knocks = listenForKnocks({ ...options, log: silentLog })
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  await Bun.connect({ hostname: "127.0.0.1", port: bind.port, socket: { data: () => {}, close: () => resolve() } })
  await closed
  knocks.close()
  expect(heard).toEqual(["127.0.0.1:8300"])
})
