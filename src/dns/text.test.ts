import { describe, expect, test } from "bun:test"
import { addressBytes, addressKey, reversedAddress } from "./address.ts"
import { framed, Unframer } from "./framing.ts"
import { parseResolvConf, workloadResolvConf } from "./resolv-conf.ts"

describe("resolv.conf", () => {
  test("is read as the C library reads it", () => {
    const text = `# made by hand
nameserver 127.0.0.53
  nameserver   fe80::1%eth0 ; the router
nameserver nonsense
nameserver
nameserver 192.0.2.1
nameserver 192.0.2.2
domain first.example
search a.example b.example # the last one counts
options edns0 trust-ad`
    expect(parseResolvConf(text)).toEqual({
      servers: ["127.0.0.53", "fe80::1%eth0", "192.0.2.1"],
      search: ["a.example", "b.example"],
    })
    expect(parseResolvConf("search x\ndomain y z").search).toEqual(["y"])
    expect(parseResolvConf("")).toEqual({ servers: [], search: [] })
  })

  test("a workload's has three gateways at most, and no domain of the root", () => {
    expect(workloadResolvConf(["10.0.0.1", "10.0.1.1", "10.0.2.1", "10.0.3.1"], ["."])).toBe(
      "nameserver 10.0.0.1\nnameserver 10.0.1.1\nnameserver 10.0.2.1\noptions ndots:0 timeout:2\n",
    )
  })
})

describe("addresses", () => {
  const hex = (text: string) => Buffer.from(addressBytes(text) ?? []).toString("hex")
  test.each([
    ["10.65.10.2", "0a410a02"],
    ["::", "00000000000000000000000000000000"],
    ["fd00::6", "fd000000000000000000000000000006"],
    ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
    ["::ffff:10.1.2.3", "00000000000000000000ffff0a010203"],
    ["1::2::3", ""],
    ["1:2:3", ""],
    ["1:2:3:4:5:6:7::8", ""],
    ["::12345", ""],
    ["web", ""],
    ["", ""],
  ])("%s", (text, expected) => {
    expect(hex(text)).toBe(expected)
  })

  test("one key for each way to write it", () => {
    expect(addressKey("FD00:0::0006")).toBe(addressKey("fd00::6"))
    expect(addressKey("10.65.10.2")).toBe("10.65.10.2")
  })

  test("names of addresses", () => {
    expect(reversedAddress("2.10.65.10.in-addr.arpa")).toBe("10.65.10.2")
    const six = `${"6".padEnd(28, "0").split("").join(".")}.0.0.d.f.ip6.arpa`
    expect(reversedAddress(six)).toBe("fd00::6")
    for (const name of ["10.65.10.in-addr.arpa", "300.10.65.10.in-addr.arpa", "in-addr.arpa", "x.ip6.arpa", "web"])
      expect(reversedAddress(name)).toBeNull()
  })
})

describe("messages in a stream", () => {
  test("are the same however the stream is cut", () => {
    const messages = [Uint8Array.of(1, 2, 3), new Uint8Array(0), new Uint8Array(300).fill(7)]
    const stream = Buffer.concat(messages.map(framed))
    for (const step of [1, 2, 3, 7, 1_000]) {
      const unframer = new Unframer()
      const got: Uint8Array[] = []
      for (let at = 0; at < stream.length; at += step) got.push(...unframer.take(stream.subarray(at, at + step))!)
      expect(got).toEqual(messages)
    }
  })

  test("one that is too long ends it", () => {
    expect(new Unframer(100).take(Uint8Array.of(0, 101))).toBeNull()
  })
})
