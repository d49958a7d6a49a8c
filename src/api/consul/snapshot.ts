/**
 * Consul's `/v1/snapshot`: all keys and sessions as one file, of one moment; and back again, all or nothing. The records
 * of networks are in it to be read, but a restore leaves them alone: they are made from the networks that there are.
 */
import { KV_PREFIX, kvKey, protectedPrefix } from "../../registry/keys.ts"
import { consulText } from "../errors.ts"
import type { ConsulCall, ConsulEndpoint } from "./call.ts"
import { beforeReading, freshness } from "./consistency.ts"
import { readHeaders } from "./respond.ts"

export const snapshotEndpoint: ConsulEndpoint = {
  path: "/v1/snapshot",
  methods: ["GET", "PUT"],
  access: "closed",
  summary: "Save all keys and sessions, or restore them",
  bodyMaxBytes: "streamed",
  handle: (call) => (call.method === "GET" ? save(call) : restore(call)),
}

async function save(call: ConsulCall): Promise<Response> {
  const { store, holdOpen } = call
  await beforeReading(call)
  holdOpen()
  const { revision, chunks } = store.exportSnapshot({ areas: [KV_PREFIX] })
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(stream) {
        const { done, value } = await chunks.next()
        if (done) stream.close()
        else stream.enqueue(value)
      },
      async cancel() {
        await chunks.return()
      },
    },
    // Nothing is read before it is asked for.
    new CountQueuingStrategy({ highWaterMark: 0 }),
  )
  return new Response(body, {
    headers: { ...readHeaders(revision, freshness(call)), "Content-Type": "application/x-gzip" },
  })
}

async function restore({ node, store, request, holdOpen }: ConsulCall): Promise<Response> {
  holdOpen()
  if (!request.body) return consulText(400, "restore: the body is empty")
  await store.importSnapshot(request.body, {
    areas: [KV_PREFIX],
    except: [kvKey(protectedPrefix(node.kvPrefix))],
  })
  return new Response(null)
}
