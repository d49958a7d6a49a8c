/** JSON by Go's rules. */
import { expect, test } from "bun:test"
import * as fc from "fast-check"
import { field, indentJson, JsonNumber, type JsonObject, parseJson } from "./json.ts"

const parse = (text: string) => parseJson(Buffer.from(text)) as JsonObject

test("numbers keep every digit", () => {
  const { Flags } = parse('{"Flags":18446744073709551615}')
  expect(Flags).toEqual(new JsonNumber("18446744073709551615"))
  expect(parse('{"a":[1.50,{"b":-0}]}')).toEqual({ a: [new JsonNumber("1.50"), { b: new JsonNumber("-0") }] })
})

test("fields are found whatever their case; the last of several counts, null is none", () => {
  expect(field(parse('{"lockdelay":"1s"}'), "LockDelay")).toBe("1s")
  expect(field(parse('{"TTL":"1s","ttl":"2s"}'), "TTL")).toBe("2s")
  expect(field(parse('{"TTL":null}'), "TTL")).toBeUndefined()
  expect(field(parse("{}"), "toString")).toBeUndefined()
})

test.each(["", "{", '{"a":}', "[1,]", "nul", "[".repeat(1_000_000)])("%.20s is refused", (text) => {
  expect(() => parse(text)).toThrow(SyntaxError)
})

test("what is not UTF-8 is refused", () => {
  expect(() => parseJson(Buffer.from([0x22, 0xff, 0x22]))).toThrow(SyntaxError)
})

test("indented as JSON.stringify would, for any value", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(indentJson(JSON.stringify(value))).toBe(JSON.stringify(value, null, 4))
    }),
  )
})

test("indented within something else", () => {
  expect(indentJson('{"a":[]}', 1)).toBe('{\n        "a": []\n    }')
})
