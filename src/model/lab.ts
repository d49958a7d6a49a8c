/** What `ovl lab verify` reports. */
import { z } from "zod"

export const labCheckSchema = z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })
export type LabCheck = z.infer<typeof labCheckSchema>

export const labVerifySchema = z.object({
  lab: z.string(),
  passed: z.int(),
  failed: z.int(),
  checks: z.array(labCheckSchema),
})
export type LabVerify = z.infer<typeof labVerifySchema>
