import { expect, test } from "bun:test"
import { isGroupMac, parseArp, parseFrame, parseVxlan, udpFrame, vxlanPayload } from "./frames.ts"

function bytes(...lines: string[]): Uint8Array {
  return Uint8Array.from(Buffer.from(lines.join("").replaceAll(" ", ""), "hex"))
}

/** What `ping -c1 10.65.10.3` sends from 10.65.10.2, from its Ethernet header on; the echo's data cut to 4 bytes. */
const ECHO = [
  "02420a410a03 02420a410a02 0800", // Ethernet: destination, source, IPv4
  "45000020 00004000 4001123c 0a410a02 0a410a03", // IPv4
  "08004c55 00010001 deadbeef", // ICMP
]
/** The same in VXLAN with VNI 257 between two VTEPs, written by hand from RFC 7348 section 5. */
const ENCAPSULATED = bytes(
  "b64a5c21d3e2 3ab1c0ff0001 0800",
  "45000052 00000000 4011b6d3 c0a80133 c0a80134",
  "c350 12b5 003e 0000", // UDP: source port, 4789, length, no checksum
  "08000000 000101 00", // VXLAN: the VNI is valid, reserved, VNI 257, reserved
  ...ECHO,
)

test("reads a VXLAN frame", () => {
  const frame = parseVxlan(ENCAPSULATED, 4789)
  expect(frame).toMatchObject({ outerSource: "192.168.1.51", outerDestination: "192.168.1.52", vni: 257 })
  expect(frame?.inner).toMatchObject({
    destination: "02:42:0a:41:0a:03",
    source: "02:42:0a:41:0a:02",
    etherType: 0x0800,
  })
  expect(frame?.inner.payload).toEqual(bytes(...ECHO.slice(1)))
})

test("all 24 bits of the VNI are read and written", () => {
  const frame = ENCAPSULATED.slice()
  frame.set([0xab, 0xcd, 0xef], 14 + 20 + 8 + 4)
  expect(parseVxlan(frame, 4789)?.vni).toBe(0xabcdef)
  expect(vxlanPayload(0xabcdef, bytes("0102"))).toEqual(bytes("08000000 abcdef00 0102"))
})

test("options in the outer header are skipped", () => {
  const frame = new Uint8Array([...ENCAPSULATED.slice(0, 34), 1, 1, 1, 1, ...ENCAPSULATED.slice(34)])
  frame[14] = 0x46
  expect(parseVxlan(frame, 4789)?.vni).toBe(257)
})

test("what is no VXLAN is none", () => {
  const changed = (at: number, value: number) => {
    const frame = ENCAPSULATED.slice()
    frame[at] = value
    return parseVxlan(frame, 4789)
  }
  expect(changed(14 + 9, 6)).toBeNull() // TCP
  expect(changed(13, 0x06)).toBeNull() // ARP
  expect(changed(34 + 8, 0)).toBeNull() // the VNI is not valid
  expect(parseVxlan(ENCAPSULATED, 8472)).toBeNull()
  for (const length of [0, 13, 14, 33, 41, 49, 50, 63]) {
    expect(parseVxlan(ENCAPSULATED.subarray(0, length), 4789)).toBeNull()
  }
})

test("reads ARP", () => {
  const request = bytes(
    "ffffffffffff 02420a410a02 0806",
    "0001 0800 06 04 0001 02420a410a02 0a410a02 000000000000 0a410a03",
  )
  expect(parseArp(parseFrame(request)!)).toEqual({
    operation: "request",
    senderMac: "02:42:0a:41:0a:02",
    senderIp: "10.65.10.2",
    targetIp: "10.65.10.3",
  })
  expect(parseArp(parseFrame(request.subarray(0, 30))!)).toBeNull()
  expect(parseArp(parseFrame(ENCAPSULATED)!)).toBeNull()
})

test("group addresses", () => {
  expect(["ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01", "33:33:00:00:00:01"].filter(isGroupMac)).toHaveLength(3)
  expect(isGroupMac("02:42:0a:41:0a:02")).toBe(false)
})

test("writes a UDP datagram with a valid header checksum", () => {
  const frame = udpFrame({
    mac: "02:42:0a:41:0a:03",
    sourceMac: "02:42:0a:41:0a:02",
    destination: "10.65.10.3",
    source: "10.65.10.2",
    port: 27_946,
    text: "hi",
  })
  // The checksum was worked out by hand: the sum of the ten words of the header, carries added, inverted.
  expect(Buffer.from(frame).toString("hex")).toBe(
    Buffer.from(
      bytes(
        "02420a410a03 02420a410a02 0800",
        "4500001e 00000000 4011 5249 0a410a02 0a410a03",
        "6d2a 6d2a 000a 0000 6869",
      ),
    ).toString("hex"),
  )
})
