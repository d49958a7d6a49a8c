import { expect, test } from "bun:test"
import { checksum, decodeEcho, encodeEcho } from "./echo-packet.ts"

const token = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8])
const ours = { identifier: 0xabcd, token }

/** An IPv4 header in front, with options where a length is said. */
function withIp(message: Uint8Array, headerBytes = 20): Uint8Array {
  const packet = new Uint8Array(headerBytes + message.length)
  packet[0] = 0x40 | (headerBytes / 4)
  packet.set(message, headerBytes)
  return packet
}

/** What a host that was asked sends back. */
function reply(request: Uint8Array, type: number): Uint8Array {
  const message = request.slice()
  message[0] = type
  return message
}

function errorAbout(original: Uint8Array, type: number, code: number): Uint8Array {
  const message = new Uint8Array(8 + original.length)
  message[0] = type
  message[1] = code
  message.set(original, 8)
  return message
}

test("a request is 64 bytes, and its checksum is right with IPv4", () => {
  const packet = encodeEcho({ family: 4, ...ours, sequence: 258 })
  expect(Buffer.from(packet.subarray(4, 17)).toString("hex")).toBe("abcd0102010203040506070810")
  expect([packet.length, packet[0], checksum(packet)]).toEqual([64, 8, 0])
  const six = encodeEcho({ family: 6, ...ours, sequence: 1 })
  expect([six[0], six[2], six[3]]).toEqual([128, 0, 0])
})

test("the checksum of RFC 1071's own example, and of an odd length", () => {
  expect(checksum(new Uint8Array([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])).toString(16)).toBe("220d")
  expect(checksum(new Uint8Array([0xff]))).toBe(0x00ff)
})

test("an answer is known by identifier and token, whatever the length of the IP header", () => {
  const four = reply(encodeEcho({ family: 4, ...ours, sequence: 7 }), 0)
  for (const headerBytes of [20, 24, 60])
    expect(decodeEcho(withIp(four, headerBytes), { family: 4, ...ours })).toEqual({ sequence: 7, why: null })
  const six = reply(encodeEcho({ family: 6, ...ours, sequence: 9 }), 129)
  expect(decodeEcho(six, { family: 6, ...ours })).toEqual({ sequence: 9, why: null })
  expect(decodeEcho(withIp(four), { family: 4, ...ours, identifier: 1 })).toBeNull()
  expect(decodeEcho(withIp(four), { family: 4, ...ours, token: new Uint8Array(8) })).toBeNull()
  // The request itself, which loopback shows too.
  expect(decodeEcho(withIp(encodeEcho({ family: 4, ...ours, sequence: 7 })), { family: 4, ...ours })).toBeNull()
})

test("an error about one of our requests says why, one about others' nothing", () => {
  const request = encodeEcho({ family: 4, ...ours, sequence: 3 })
  const about = (type: number, code: number) =>
    decodeEcho(withIp(errorAbout(withIp(request).subarray(0, 28), type, code)), { family: 4, ...ours })?.why
  expect([about(3, 1), about(3, 13), about(3, 99), about(11, 0), about(5, 0)]).toEqual([
    "host unreachable",
    "prohibited",
    "unreachable (code 99)",
    "time to live exceeded",
    undefined,
  ])
  const six = new Uint8Array(48)
  six.set(encodeEcho({ family: 6, ...ours, sequence: 4 }).subarray(0, 8), 40)
  expect(decodeEcho(errorAbout(six, 1, 3), { family: 6, ...ours })).toEqual({ sequence: 4, why: "host unreachable" })
  const theirs = withIp(encodeEcho({ family: 4, ...ours, identifier: 5, sequence: 3 }))
  expect(decodeEcho(withIp(errorAbout(theirs, 3, 1)), { family: 4, ...ours })).toBeNull()
})

test("what is cut short is nothing", () => {
  const whole = withIp(errorAbout(withIp(encodeEcho({ family: 4, ...ours, sequence: 3 })), 3, 1))
  for (let length = 1; length < 56; length++)
    expect(decodeEcho(whole.subarray(0, length), { family: 4, ...ours })).toBeNull()
  expect(decodeEcho(whole.subarray(0, 56), { family: 4, ...ours })?.sequence).toBe(3)
})
