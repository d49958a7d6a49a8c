import { expect, test } from "bun:test"
import { missingCapabilities } from "./capabilities.ts"

test("what is needed and not effective is named, whatever else is there (pain 19)", () => {
  const withBits = (bits: string) => missingCapabilities(`Name:\tovl\nCapPrm:\t000001ffffffffff\nCapEff:\t${bits}\n`)
  expect(withBits("000001ffffffffff")).toEqual([])
  // What Docker leaves to root in a container, by default.
  expect(withBits("00000000a80425fb")).toEqual(["CAP_NET_ADMIN", "CAP_SYS_ADMIN"])
  expect(withBits("000001ffffffefff")).toEqual(["CAP_NET_ADMIN"])
  expect(missingCapabilities("Name:\tovl\n")).toEqual([])
})
