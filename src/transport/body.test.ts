import { expect, test } from "bun:test"
import fc from "fast-check"
import { decodeBody, encodeBody } from "./body.ts"

function roundTrip(value: unknown): unknown {
  const { parts, hasBytes } = encodeBody(value)
  return decodeBody(Buffer.concat(parts), hasBytes)
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
  expect(encodeBody(undefined)).toEqual({ parts: [], hasBytes: false })
  expect(roundTrip({ a: undefined, b: 1 })).toEqual({ b: 1 })
})

test("bytes travel as they are, and the body says how long they are", () => {
  const { parts } = encodeBody({ a: new Uint8Array([1, 2]), b: [new Uint8Array([3])] })
  expect(Buffer.concat(parts).toString("latin1")).toBe('\0\0\0\x25{"a":{"$bytes":2},"b":[{"$bytes":1}]}\x01\x02\x03')
})

test("a body with bytes that do not add up is refused", () => {
  const body = (json: string, rest: number[], length = json.length) =>
    Buffer.concat([Buffer.from([0, 0, 0, length]), Buffer.from(json), Buffer.from(rest)])
  const wrong = [
    new Uint8Array(0),
    new Uint8Array(3),
    body('{"$bytes":1}', []),
    body('{"$bytes":1}', [1, 2]),
    body('{"$bytes":-1}', []),
    body('{"$bytes":0.5}', [1]),
    body('{"$bytes":"AQ=="}', [1]),
    body('[{"$bytes":2},{"$bytes":2}]', [1, 2, 3]),
    body('{"$bytes":1}', [1], 200),
  ]
  for (const bytes of wrong) expect(() => decodeBody(bytes, true)).toThrow()
  expect(decodeBody(body('[{"$bytes":2},{"$bytes":1}]', [1, 2, 3]), true)).toEqual([
    new Uint8Array([1, 2]),
    new Uint8Array([3]),
  ])
})
