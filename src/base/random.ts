/** Chance comes in as an argument too. */
export interface Random {
  bytes(length: number): Uint8Array
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("")
}

/** A random identifier of `length` hexadecimal digits. Networks and endpoints have 64, as Docker's do. */
export function randomHex(random: Random, length: number): string {
  return hex(random.bytes(Math.ceil(length / 2))).slice(0, length)
}
