import { expect, test } from "bun:test"
import fc from "fast-check"
import { decodeBody, encodeBody } from "./body.ts"

function roundTrip(value: unknown): unknown {
  const { bytes, hasBytes } = encodeBody(value)
  return decodeBody(bytes, hasBytes)
}

/** Values with bytes anywhere in them, and keys that look like ours. */
const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: "binary" }),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 20 }),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.string(), fc.constantFrom("$bytes", "$object", "__proto__", "toString")), tie("value"), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
  ),
})).value

test("what goes in comes out, bytes included", () => {
  fc.assert(
    fc.property(values, (value) => expect(roundTrip(value)).toEqual(value)),
    { numRuns: 1_000 },
  )
})

test("keys of our own in the caller's data are left alone, with bytes beside them or not", () => {
  const bytes = new Uint8Array([1])
  for (const value of [
    { $bytes: "AQ==" },
    { $bytes: "AQ==", bytes },
    { $object: { $bytes: bytes } },
    { $object: 1, bytes },
  ]) {
    expect(roundTrip(value)).toEqual(value)
  }
})

test("a body cannot reach the prototype of anything", () => {
  const value = JSON.parse('{"__proto__":{"polluted":true},"constructor":1}') as Record<string, unknown>
  value.bytes = new Uint8Array([1])
  const got = roundTrip(value) as Record<string, unknown>
  expect(Object.keys(got).sort()).toEqual(["__proto__", "bytes", "constructor"])
  expect(Object.getPrototypeOf(got)).toBe(Object.prototype)
  expect(got.polluted).toBeUndefined()
})

test("a Buffer comes out as bytes, a date as its text", () => {
  expect(roundTrip({ a: Buffer.from("hi"), b: new Date(0) })).toEqual({
    a: new Uint8Array([104, 105]),
    b: "1970-01-01T00:00:00.000Z",
  })
})

test("undefined is an empty body", () => {
  expect(encodeBody(undefined)).toEqual({ bytes: new Uint8Array(0), hasBytes: false })
  expect(roundTrip({ a: undefined, b: 1 })).toEqual({ b: 1 })
})
