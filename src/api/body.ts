/** Request bodies, never longer than their bound: one that says so at once is refused unread, a chunked one as it grows. */
import { OvlError } from "../base/errors.ts"

/** The body's length where the request tells it, else null. */
export function declaredLength(headers: Headers): number | null {
  const text = headers.get("content-length")
  return text !== null && /^\d+$/.test(text) ? Number(text) : null
}

/**
 * The whole body, or null where it is longer than `maxBytes`. Errors: body_cut_off (usage), when the caller broke off in
 * the middle of it.
 */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array | null> {
  const declared = declaredLength(request.headers)
  if (declared !== null) {
    if (declared > maxBytes) return null
    const bytes = await declaredBody(request)
    return bytes.length > maxBytes ? null : bytes
  }
  return request.body ? readStream(request.body, maxBytes).catch(cutOff) : new Uint8Array()
}

/** A body that has said how long it is, and is not too long. Errors: body_cut_off. */
export async function declaredBody(request: Request): Promise<Uint8Array> {
  return new Uint8Array(await request.arrayBuffer().catch(cutOff))
}

function cutOff(cause: unknown): never {
  throw new OvlError("body_cut_off", "request refused: its body ended too early", { kind: "usage", cause })
}

async function readStream(stream: ReadableStream<Uint8Array>, maxBytes: number): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = stream.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return Buffer.concat(chunks, length)
    length += value.byteLength
    if (length > maxBytes) {
      await reader.cancel()
      return null
    }
    chunks.push(value)
  }
}

/**
 * The body as JSON; an empty one stands for `{}`. Errors: body_too_large, json_malformed (usage: not UTF-8, or no
 * JSON).
 */
export async function readJson(request: Request, maxBytes: number): Promise<unknown> {
  const bytes = await readBody(request, maxBytes)
  if (bytes === null) {
    throw new OvlError("body_too_large", `request refused: its body is longer than ${maxBytes} bytes`, {
      kind: "too_large",
    })
  }
  if (bytes.length === 0) return {}
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes))
  } catch {
    throw new OvlError("json_malformed", "request refused: its body is not JSON", { kind: "usage" })
  }
}
