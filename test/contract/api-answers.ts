/** Answers in one line, for tests that compare them. */
import { expect } from "bun:test"
import type { OvlError } from "../../src/base/errors.ts"

/** `409 network_name_taken`: what a call that must fail failed with. */
export async function refusal(call: Promise<unknown>): Promise<string> {
  const error = (await call.then(
    () => expect.unreachable("it was not refused"),
    (thrown) => thrown,
  )) as OvlError
  return `${error.httpStatus} ${error.code}`
}

/** Status and body of an answer over the Unix socket; of an error, `409 network_name_taken: <message>`. */
export async function answer(socket: string, method: string, path: string, body?: string): Promise<string> {
  const response = await fetch(`http://localhost${path}`, { method, body, unix: socket })
  const text = await response.text()
  if (!response.headers.get("content-type")?.startsWith("application/json")) return `${response.status} ${text}`
  const { error } = JSON.parse(text) as { error?: { code: string; message: string; hint: string } }
  return error ? `${response.status} ${error.code}: ${error.message}` : `${response.status} ${text}`
}
