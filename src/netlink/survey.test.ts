import { expect, test } from "bun:test"
import { closeSync, openSync } from "node:fs"
import * as addr from "./addr.ts"
import * as link from "./link.ts"
import * as route from "./route.ts"
import { NetlinkSocket } from "./socket.ts"
import { readSurvey, takeSurvey } from "./survey.ts"

test("a survey of this namespace says what the lists say, and the same bytes twice", () => {
  const namespace = openSync("/proc/thread-self/ns/net", "r")
  try {
    if (process.getuid?.() !== 0) return
    const first = takeSurvey(namespace)!.slice()
    expect(takeSurvey(namespace)).toEqual(first)
    const { links, addresses, routes } = readSurvey(first)
    using socket = NetlinkSocket.open()
    expect(links.map(({ name }) => name).sort()).toEqual(
      link
        .list(socket)
        .map(({ name }) => name)
        .sort(),
    )
    expect(addresses.map(({ address }) => address).sort()).toEqual(
      addr
        .list(socket)
        .map(({ address }) => address)
        .sort(),
    )
    expect(routes.filter(({ table }) => table === 254)).toEqual(route.list(socket))
  } finally {
    closeSync(namespace)
  }
})
