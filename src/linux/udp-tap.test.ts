import { expect, test } from "bun:test"
import { filterProgram } from "./udp-tap.ts"

/** As `tcpdump -d` shows a program. */
function listing(program: Uint8Array): string[] {
  const view = new DataView(program.buffer)
  const names: Record<number, string> = {
    177: "ldxb 4*([k]&0xf)",
    1: "ldx #k",
    72: "ldh [x+k]",
    64: "ld [x+k]",
    21: "jeq",
    6: "ret",
  }
  return Array.from({ length: program.length / 8 }, (_, i) => {
    const [code, jt, jf, k] = [
      view.getUint16(i * 8, true),
      view.getUint8(i * 8 + 2),
      view.getUint8(i * 8 + 3),
      view.getUint32(i * 8 + 4, true),
    ]
    const name = names[code] ?? `? ${code}`
    if (code === 21) return `(${i}) jeq #0x${k.toString(16)} jt ${i + 1 + jt} jf ${i + 1 + jf}`
    return `(${i}) ${name.replace("k", String(k))}`
  })
}

test("the filter passes the port and the words, and ends in a refusal for all else", () => {
  const words = [{ offset: 0, value: 0x08000000 }]
  expect(listing(filterProgram({ family: 4, port: 4789, words }))).toEqual([
    "(0) ldxb 4*([0]&0xf)",
    "(1) ldh [x+2]",
    "(2) jeq #0x12b5 jt 3 jf 6",
    "(3) ld [x+8]",
    "(4) jeq #0x8000000 jt 5 jf 6",
    "(5) ret",
    "(6) ret",
  ])
  expect(listing(filterProgram({ family: 6, port: 4789, words }))[0]).toBe("(0) ldx #0")
})
