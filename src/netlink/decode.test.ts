/** The decoders on broken input: a clear error or a value, never an endless loop, never some other exception. */
import { describe, expect, test } from "bun:test"
import { OvlError } from "../base/errors.ts"
import { describeRequest } from "./describe.ts"
import { forEachMessage } from "./message.ts"
import { decodeEvents } from "./monitor.ts"
import fixtures from "./testdata/iproute2.json"

const MESSAGES = fixtures.captures.map((one) => new Uint8Array(Buffer.from(one.requests[0]!, "hex")))

/** Decodes; a refusal of the input is fine, any other exception is not. */
function decodeSafely(bytes: Uint8Array): "value" | "malformed" {
  try {
    decodeEvents(bytes)
    return "value"
  } catch (error) {
    if (error instanceof OvlError && error.code === "netlink_malformed") return "malformed"
    throw error
  }
}

/** A small generator with a fixed seed, so that a failure repeats. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 8
  }
}

describe("decoding", () => {
  test("a message cut short anywhere is refused", () => {
    for (const message of MESSAGES) {
      for (let length = 1; length < message.length; length++) {
        expect(decodeSafely(message.slice(0, length))).toBe("malformed")
      }
    }
  })

  test("a message cut short whose header says so is refused or has fewer attributes", () => {
    for (const message of MESSAGES) {
      for (let length = 16; length < message.length; length++) {
        const cut = message.slice(0, length)
        new DataView(cut.buffer).setUint32(0, length, true)
        decodeSafely(cut)
      }
    }
  })

  test("flipped bytes are refused or decode to something", () => {
    const random = randomNumbers(42)
    const outcomes = { value: 0, malformed: 0 }
    for (let round = 0; round < 20_000; round++) {
      const bytes = MESSAGES[random() % MESSAGES.length]!.slice()
      for (let flips = 1 + (random() % 4); flips > 0; flips--) bytes[random() % bytes.length] = random() & 255
      outcomes[decodeSafely(bytes)]++
    }
    expect(outcomes.value).toBeGreaterThan(0)
    expect(outcomes.malformed).toBeGreaterThan(0)
  })

  test("lengths of zero do not make a loop", () => {
    expect(() => forEachMessage(new Uint8Array(64), 64, () => {})).toThrow("a message of 0 bytes")
    const message = MESSAGES[0]!.slice()
    new DataView(message.buffer).setUint16(32, 0, true)
    expect(() => decodeEvents(message)).toThrow("an attribute of 0 bytes")
  })

  test("requests are described as ip would put them", () => {
    const described = fixtures.captures.map((one) => describeRequest(Buffer.from(one.requests[0]!, "hex")))
    expect(described).toEqual([
      "link add br0 type bridge",
      "link add vxlan1 type vxlan id 256 dstport 4789",
      "link add vxlan1 type vxlan id 16777215 dstport 4789",
      "link add veth0 type veth",
      "link add veth0 type veth",
      "link set if2 up",
      "link set if2 down",
      "link set if4 address 02:00:00:00:00:09 mtu 1400 master if2",
      "link set if4 nomaster",
      "link set if3 name eth7",
      "link set if2 alias made-by-somebody",
      "link property add dev if2 altname a-name-longer-than-fifteen",
      "link property del dev if2 altname a-name-longer-than-fifteen",
      "link del if2",
      "bridge link set dev if4 flood off learning off isolated on locked on",
      "address add 10.65.10.1/24 dev if1",
      "address add 10.65.10.1/24 dev if1",
      "address add 10.65.10.1/24 dev if1",
      "address del 10.65.10.1/24 dev if1",
      "address add fd00:65::1/64 dev if1",
      "route add 10.9.0.0/16 via 10.0.0.2 dev if1",
      "route add default via 10.0.0.2",
      "route add 10.8.0.0/16 dev if1",
      "route add 10.8.0.0/16 dev if1",
      "route del 10.8.0.0/16 dev if1",
      "route add fd00:66::/64 via fd00:65::2 dev if2",
      "neigh replace 10.65.10.3 lladdr 02:42:0a:41:0a:03 dev if2",
      "neigh del 10.65.10.3 dev if2",
      "neigh replace fd00:65::3 lladdr 02:42:0a:41:0a:03 dev if2",
      "neigh del fd00:65::3 dev if2",
      "neigh replace proxy 10.65.10.9 dev if2",
      "neigh del proxy 10.65.10.9 dev if2",
      "fdb replace 02:42:0a:41:0a:03 dev if2 dst 192.168.1.52 self",
      "fdb del 02:42:0a:41:0a:03 dev if2 dst 192.168.1.52 self",
      "fdb replace 02:42:0a:41:0a:02 dev if4 master",
      "fdb del 02:42:0a:41:0a:02 dev if4 master",
    ])
  })
})
